"""Queues of three kinds, each with a task that takes its time, and a beat."""

import os
import time

from celery import Celery
from huey import RedisHuey
from redis import Redis
from rq import Queue

VERSION = "one"
client = Redis.from_url(os.environ["REDIS_URL"])
app = Celery("jobs")  # its broker is CELERY_BROKER_URL
app.conf.beat_schedule = {"tick": {"task": "tick", "schedule": 1.0}}
huey = RedisHuey("jobs", connection_pool=client.connection_pool)


def work(kind, seconds):
    """Take some time, and note when it began and ended."""
    client.rpush("log", f"{kind} begins {VERSION}")
    time.sleep(seconds)
    client.rpush("log", f"{kind} ends {VERSION}")


@app.task(name="tick")
def tick():
    """Count."""
    client.incr(f"ticks-{VERSION}")


@app.task(name="long")
def by_celery(seconds):
    """Work."""
    work("celery", seconds)


@huey.task()
def by_huey(seconds):
    """Work."""
    work("huey", seconds)


def application(environ, start_response):
    """Start work at /start/SECONDS, and say what was noted."""
    path = environ["PATH_INFO"].split("/")
    if path[1] == "start":
        by_celery.delay(float(path[2]))
        by_huey(float(path[2]))
        Queue(connection=client).enqueue(work, "rq", float(path[2]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    lines = [*client.lrange("log", 0, -1), *client.keys("ticks*")]
    return [b"\n".join(lines) + b"\n"]
