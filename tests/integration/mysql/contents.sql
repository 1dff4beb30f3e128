SET sql_mode = '';
SET time_zone = '+05:30';
CREATE SEQUENCE ticket START WITH 5 INCREMENT BY 3;
CREATE TABLE parent (
  id int AUTO_INCREMENT PRIMARY KEY, name varchar(50), body longblob, facts json, place geometry, price decimal(30,10),
  wide double, day date DEFAULT '0000-00-00', moment timestamp(6) NULL, at datetime(3) DEFAULT '0000-00-00 00:00:00', bits bit(11), kind enum('a','b''c'),
  kinds set('x','y'), twice varchar(110) AS (concat(name, name)) VIRTUAL, length int AS (length(name)) STORED,
  net inet6, ident uuid, `key` binary(4), UNIQUE (name), FULLTEXT (name)
) ENGINE=InnoDB AUTO_INCREMENT=100;
CREATE TABLE child (
  id int PRIMARY KEY DEFAULT (nextval(ticket)), parent int, CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE,
  CONSTRAINT odd CHECK (parent <> 13)
) COMMENT 'INSERT INTO `x` VALUES (1);\n(2)';
CREATE TABLE `odd ``name( %` (id int, `a column;` text) ENGINE=Aria;
CREATE TABLE western (id int PRIMARY KEY, t varchar(100)) CHARACTER SET latin1 COLLATE latin1_german1_ci ENGINE=MyISAM;
CREATE TABLE parted (id int PRIMARY KEY, t text) PARTITION BY HASH (id) PARTITIONS 3;
CREATE TABLE past (id int PRIMARY KEY, x int) WITH SYSTEM VERSIONING;
CREATE TABLE many (id int AUTO_INCREMENT PRIMARY KEY, t varchar(200), f float);
CREATE TABLE empty (id int);
CREATE TABLE hidden (a int, b int INVISIBLE DEFAULT 7);
INSERT INTO parent (name, body, facts, place, price, wide, day, moment, at, bits, kind, kinds, net, ident, `key`) VALUES
  ('a\nb);', CONCAT('x', CHAR(0, 10, 39, 34, 92, 26, 255)), '{"a": 1}', POINT(1, 2), 12345678901234567890.0123456789, 1.2345678901234567,
   '0000-00-00', '2020-03-29 02:30:00.123456', '0000-00-00', b'10101010101', 'b''c', 'x,y', '::1', uuid(), 'ab\0\0'),
  ('),(', '', '[]', NULL, -0.0, -1e-308, '2020-02-30', NULL, '9999-12-31 23:59:59.999', NULL, NULL, '', NULL, NULL, NULL),
  ('ä ✓ 🐘 INSERT INTO `x` VALUES', REPEAT(UNHEX('00FF27'), 400000), 'null', ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))'), NULL, 0, NULL, '2037-01-01', NULL, 1, '', 'y', '1.2.3.4', NULL, '');
INSERT INTO child (parent) VALUES (100), (101), (100);
INSERT INTO `odd ``name( %` VALUES (1, 'INSERT INTO `x` VALUES\n(1),\n(2);\n'), (2, REPEAT('(', 100)), (3, '\\'), (4, "\\'),\n(");
INSERT INTO western VALUES (1, 'Grüße, naïve'), (0, UNHEX('80FF'));
INSERT INTO parted SELECT seq, REPEAT('p', seq % 50) FROM seq_1_to_100;
INSERT INTO past VALUES (1, 1), (2, 2); UPDATE past SET x = 3 WHERE id = 1; DELETE FROM past WHERE id = 2; INSERT INTO past VALUES (3, 3);
INSERT INTO many (t, f) SELECT CONCAT('row ', seq, ' (', REPEAT('é', seq % 90), ');'), seq FROM seq_1_to_3000;
INSERT INTO hidden (a, b) VALUES (1, 2), (3, 4);
CREATE VIEW av AS SELECT 1 AS one;
DELIMITER //
CREATE FUNCTION plus(x int) RETURNS int DETERMINISTIC
BEGIN
INSERT INTO `empty` VALUES
(1);
DELETE FROM `empty`;
RETURN x + 1;
END//
CREATE PROCEDURE both_of(OUT n int) SQL SECURITY INVOKER SELECT COUNT(*) INTO n FROM parent //
CREATE TRIGGER before_child BEFORE INSERT ON child FOR EACH ROW SET NEW.parent = COALESCE(NEW.parent, 100)//
CREATE TRIGGER after_child AFTER INSERT ON child FOR EACH ROW BEGIN SET @last = NEW.id; /* ;; */ SET @x = ';;'; END//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' COMMENT 'it''s' DO DELETE FROM child WHERE id = -1//
CREATE EVENT off ON SCHEDULE EVERY 1 HOUR DISABLE DO BEGIN DELETE FROM child WHERE id = -2; DELETE FROM child WHERE id = -3; END//
DELIMITER ;
CREATE VIEW zz AS SELECT id, plus(id) AS next FROM parent;
CREATE VIEW aa AS SELECT zz.id, zz.next, child.parent FROM zz JOIN child ON child.parent = zz.id;
CREATE OR REPLACE VIEW av AS SELECT * FROM aa;
