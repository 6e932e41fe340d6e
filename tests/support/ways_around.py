"""Statements with which an analyst might change the store, or read beyond it. `{folder}` holds a file `secret`."""

WRITES = (
    """
INSERT INTO t VALUES (1)
INSERT INTO t SELECT 1
INSERT INTO t FORMAT CSV 1
INSERT INTO t FROM INFILE '{folder}/secret' FORMAT CSV
INSERT INTO FUNCTION file('{folder}/out', 'CSV', 'a UInt64') SELECT 1
INSERT INTO FUNCTION url('http://127.0.0.1:1/', 'CSV', 'a UInt64') SELECT 1
CREATE TABLE x (a Int8) ENGINE = Memory
CREATE TEMPORARY TABLE x (a Int8)
CREATE VIEW x AS SELECT 1
CREATE FUNCTION x AS a -> a
CREATE DATABASE x
CREATE DICTIONARY x (a UInt64) PRIMARY KEY a SOURCE(FILE(path '{folder}/secret' format 'TSV')) LAYOUT(FLAT()) LIFETIME(1)
CREATE USER x
CREATE NAMED COLLECTION x AS a = 1
DROP TABLE t
DROP TABLE t SYNC
DETACH TABLE t
ATTACH TABLE t
ATTACH TABLE x FROM '{folder}' (a UInt64) ENGINE = MergeTree ORDER BY a
RENAME TABLE t TO u
EXCHANGE TABLES t AND t
TRUNCATE TABLE t
OPTIMIZE TABLE t FINAL
ALTER TABLE t DELETE WHERE 1
ALTER TABLE t ADD COLUMN b Int8
DELETE FROM t WHERE 1
UPDATE t SET a = 1 WHERE 1
BACKUP TABLE t TO File('{folder}/backup')
BACKUP TABLE t TO Disk('default', 'x')
RESTORE TABLE t FROM File('{folder}/backup')
SYSTEM SHUTDOWN
SYSTEM STOP MERGES
SYSTEM FLUSH LOGS
SYSTEM DROP MARK CACHE
KILL QUERY WHERE 1
KILL MUTATION WHERE 1
GRANT ALL ON *.* TO default
REVOKE ALL ON *.* FROM default
SET readonly = 0
SET max_execution_time = 1
SET ROLE owner
SET ROLE ALL
SET profile = 'default'
SET DEFAULT ROLE ALL TO default
EXECUTE AS default SELECT 1
USE system
SELECT 1 SETTINGS readonly = 0
SELECT 1 SETTINGS profile = 'default'
SELECT * FROM (SELECT 1 SETTINGS profile = 'default')
SELECT 1 SETTINGS format_template_row = '{folder}/secret' FORMAT Template
SELECT 1 SETTINGS max_threads = 1, log_comment = 'x'
SELECT 1 INTO OUTFILE '{folder}/out'
SELECT 1 INTO OUTFILE '{folder}/secret' TRUNCATE
SELECT 1 INTO OUTFILE '{folder}/out' APPEND FORMAT CSV
EXPLAIN SELECT 1 INTO OUTFILE '{folder}/out'
SHOW TABLES INTO OUTFILE '{folder}/out'
SELECT 1 /* */ INTO -- hidden
 OUTFILE '{folder}/out'
""".strip()
    .replace("hidden\n OUTFILE", "hidden\x00 OUTFILE")
    .splitlines()
)
"""Whatever changes something, refused as ClickHouse refuses it in readonly mode. A zero byte stands for a line's end."""

REACHES = """
SELECT file('{folder}/secret')
SELECT `file`('{folder}/secret')
SELECT /* */ file /* */ ('{folder}/secret')
SELECT * APPLY file FROM (SELECT '{folder}/secret')
SELECT * APPLY(file) FROM (SELECT '{folder}/secret')
SELECT arrayMap(x -> file(x), ['{folder}/secret'])
SELECT (SELECT file('{folder}/secret'))
WITH file('{folder}/secret') AS x SELECT x
SELECT a FROM t WHERE file('{folder}/secret') != ''
EXPLAIN SELECT file('{folder}/secret')
SELECT * FROM view(SELECT file('{folder}/secret'))
SELECT * FROM eval('SELECT file(\\'{folder}/secret\\')')
SELECT * FROM file('{folder}/secret', 'LineAsString')
SELECT * FROM FILE('{folder}/secret', 'LineAsString')
SELECT * FROM "{folder}/secret"
SELECT * FROM `{folder}/secret`
SELECT * FROM fileCluster('default', '{folder}/secret', 'LineAsString')
SELECT * FROM filesystem('{folder}')
DESCRIBE TABLE file('{folder}/secret')
DESCRIBE file('{folder}/secret', 'CSVWithNames')
DESCRIBE TABLE "{folder}/secret"
DESCRIBE url('http://127.0.0.1:1/x')
DESCRIBE s3('http://127.0.0.1:1/bucket/x')
DESCRIBE mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')
DESCRIBE postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')
DESCRIBE remote('127.0.0.1:1', 'system', 'one')
SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')
SELECT * FROM urlCluster('default', 'http://127.0.0.1:1/', 'LineAsString')
SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'CSV', 'a String')
SELECT * FROM gcs('http://127.0.0.1:1/bucket/x', 'CSV', 'a String')
SELECT * FROM azureBlobStorage('x', 'y', 'z')
SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'TSV', 'a String')
SELECT * FROM iceberg('http://127.0.0.1:1/bucket/x')
SELECT * FROM icebergLocal('{folder}')
SELECT * FROM deltaLake('http://127.0.0.1:1/bucket/x')
SELECT * FROM deltaLakeLocal('{folder}')
SELECT * FROM remote('127.0.0.1:1', 'system', 'one')
SELECT * FROM remoteSecure('127.0.0.1:1', 'system', 'one')
SELECT * FROM cluster('default', 'system', 'one')
SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')
SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')
SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'a String')
SELECT * FROM redis('127.0.0.1:1', 'a', 'a String')
SELECT * FROM sqlite('{folder}/x.db', 't')
SELECT * FROM odbc('DSN=a', 'b', 'c')
SELECT * FROM jdbc('DSN=a', 'b', 'c')
SELECT * FROM executable('x.sh', 'TSV', 'a String')
SELECT * FROM dictionary('d')
SELECT * FROM Python(handle)
SELECT * FROM python(settings)
SELECT * FROM loop(t) LIMIT 1
SELECT * FROM input('a Int8')
SELECT aiGenerate('x', 'y')
SELECT addressToLine(toUInt64(1))
SHOW USERS
SHOW ROLES
SELECT * FROM system.users
""".strip().splitlines()
"""Whatever reads beyond the store's tables, or more than its owner grants."""
