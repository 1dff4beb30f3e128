"""What is counted in the text of mariadb-dump, and changed in it, however the text is cut into pieces."""

import pytest

TEXT = """\
-- Server version\t10.11.19-MariaDB
ALTER DATABASE `my``site` CHARACTER SET latin1 COLLATE latin1_bin ;
CREATE SEQUENCE `s` start with 1;
CREATE TABLE `odd ``name` (
  `id` int(11) NOT NULL DEFAULT nextval(`my``site`.`s`),
  PRIMARY KEY (`id`)
) COMMENT='INSERT INTO `x` VALUES';
INSERT INTO `odd ``name` VALUES
(1,'a\\nb);\\n('),
(2,'nextval(`my``site`.`s`)'),
(3,'DEFINER=`root`@`localhost`');
INSERT INTO `odd ``name` VALUES
(4,'x');
CREATE TABLE `empty` (
  `id` int(11)
);
INSERT INTO `past` (`id`, row_start, row_end) VALUES (1,'2020-01-01','2038-01-19 03:14:07.999999'),
(2,'2020-01-01','2021-01-01'),
(3,'2038-01-19 03:14:07.999999','2038-01-19 03:14:07.999999');
DELIMITER ;;
/*!50003 SET sql_mode = '' */ ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`ro``ot`@`local host`*/ /*!50003 TRIGGER `t` AFTER INSERT ON `x` FOR EACH ROW BEGIN
INSERT INTO `log` VALUES
(1);
CREATE DEFINER=`kept`@`here` VIEW v AS SELECT 1;
END */;;
DELIMITER ;
DELIMITER ;;
CREATE DEFINER=`role` FUNCTION `f`() RETURNS int RETURN 1 ;;
DELIMITER ;
/*!50106 DROP EVENT IF EXISTS `e` */;
DELIMITER ;;
/*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1 */ ;;
DELIMITER ;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`%` SQL SECURITY DEFINER */
/*!50001 VIEW `v` AS select 1 AS `1` */;
"""
EXPORTED = (
    TEXT.replace("ALTER DATABASE `my``site` ", "ALTER DATABASE ")
    .replace("DEFAULT nextval(`my``site`.`s`)", "DEFAULT nextval(`s`)")
    .replace("DEFINER=`ro``ot`@`local host`*/", "*/")
    .replace("CREATE DEFINER=`role` FUNCTION", "CREATE FUNCTION")
    .replace("DEFINER=`root`@`localhost`*/", "*/")
    .replace("DEFINER=`root`@`%` SQL", "SQL")
)
IMPORTED = TEXT.replace("'2038-01-19 03:14:07.999999')", "'2106-02-07 06:28:15.999999')")


def passed(function, *arguments, size):
    """Return what a function passes on of the text, read by pieces of a size, and what it returns."""
    data, out = TEXT.encode(), bytearray()
    pieces = iter([data[at : at + size] for at in range(0, len(data), size)])
    answer = function(lambda most: next(pieces, b""), out.extend, *arguments)
    return out.decode(), answer


@pytest.mark.parametrize("size", [1, 2, 7, 50, 333, 10_000])
def test_rows_and_all_else_are_counted_and_names_taken_out(loaders, size):
    text, answer = passed(loaders.modules["kw_mysqltext.exported"], "my`site", size=size)
    assert text == EXPORTED
    assert answer["rows"] == {"odd `name": 4, "empty": 0, "past": 3}
    assert answer["objects"] == {"views": 1, "triggers": 1, "routines": 1, "events": 1, "sequences": 1}


@pytest.mark.parametrize("size", [1, 2, 7, 50, 333, 10_000])
def test_rows_that_are_still_there_say_so_as_newer_servers_do(loaders, size):
    assert passed(loaders.modules["kw_mysqltext.imported"], True, size=size)[0] == IMPORTED
    assert passed(loaders.modules["kw_mysqltext.imported"], False, size=size)[0] == TEXT


def test_a_row_may_be_larger_than_any_piece(loaders):
    row = b"0x" + b"41" * 5_000_000
    text = b"INSERT INTO `t` VALUES\n(1," + row + b"),\n(2," + row + b");\nINSERT INTO `t` VALUES\n(3,NULL);\n"
    pieces, out = iter([text[at : at + 2**20] for at in range(0, len(text), 2**20)]), bytearray()
    answer = loaders.modules["kw_mysqltext.exported"](lambda most: next(pieces, b""), out.extend, "mysite")
    assert answer["rows"] == {"t": 3}
    assert out == text
