"""How often something happens: in words such as `daily 03:00`, or in cron's five fields."""

import re

SAMPLES = 'hourly, "daily 03:00", "weekly sunday 03:00", "monthly 1 03:00" or "17 3 * * *"'
NEVER = "never"
OFTEN = (NEVER, "daily", "weekly", "monthly")
WORDS = (*OFTEN, "hourly")
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
HOUR, DAY = 3600, 86400  # seconds
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
NIGHT = "03:00"  # when nobody says
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
FIELD = re.compile(r"(\*|\d+(-\d+)?)(/[1-9]\d*)?(,(\*|\d+(-\d+)?)(/[1-9]\d*)?)*")


def parse(text: str) -> str:
    """Return a schedule as cron's five fields; empty where it makes no sense."""
    words = text.lower().split()
    if len(words) == len(LIMITS):
        return " ".join(words) if all(map(_is_field, words, LIMITS)) else ""
    word, day, clock = _split(words)
    if word == "hourly":
        return f"{int(clock[1:])} * * * *" if not day and re.fullmatch(r":[0-5]\d", clock or ":00") else ""
    match = CLOCK.fullmatch(clock or NIGHT)
    fields = _days(word, day)
    return f"{int(match[2])} {int(match[1])} {fields}" if match and fields else ""


def _split(words: list[str]) -> tuple[str, str, str]:
    """Return the word, the day and the time of a schedule; what it doesn't say is empty."""
    rest = words[1:]
    clock = rest.pop() if rest and ":" in rest[-1] else ""
    return (words or [""])[0], " ".join(rest), clock or (":00" if words[:1] == ["hourly"] else "")


def _days(word: str, day: str) -> str:
    """Return the last three fields: every day, a day of the week, or a day of the month, which February must have."""
    if word == "weekly":
        numbers = [number for number, name in enumerate(DAYS) if name.startswith(day or "sunday")]
        return f"* * {numbers[0]}" if len(numbers) == 1 else ""
    if word == "monthly":
        return f"{day or 1} * *" if re.fullmatch(r"[1-9]|1\d|2[0-8]", day or "1") else ""
    return "* * *" if word == "daily" and not day else ""


def _is_field(field: str, limits: tuple[int, int]) -> bool:
    numbers = [int(number) for number in re.findall(r"(?<![/\d])\d+", field)]
    return bool(FIELD.fullmatch(field)) and all(limits[0] <= number <= limits[1] for number in numbers)


def period(text: str) -> int:
    """Return the seconds between two times of a schedule that makes sense; the longest, where they differ."""
    _, hour, date, month, day = parse(text).split()
    if month != "*":
        return 366 * DAY
    if date != "*":
        return 31 * DAY
    if day != "*":
        return 7 * DAY
    return HOUR if hour == "*" else DAY


def patience(text: str) -> int:
    """Return after how many seconds something that follows a schedule is missed: a quarter of it late, and an hour."""
    return period(text) * 5 // 4 + HOUR
