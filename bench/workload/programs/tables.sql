-- Question: what does a database cost that is held, indexed and queried in memory? Its pages, rows
-- and sorters all come from malloc. The caller sets the parameter @rows, after PRAGMA temp_store: that
-- drops temporary tables, and parameters are kept in one.
--
-- Everything is computed from the row numbers, so the output is the same everywhere.

CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, region INTEGER, notes TEXT);
CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER, amount REAL, item TEXT);

BEGIN;
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < @rows / 10)
INSERT INTO customer
SELECT n, printf('customer %d of %d', n, n * 7919 % 1000), n * 2654435761 % 50,
       substr(hex(n * 48271) || hex(n * 69621) || hex(n * 16807), 1, 10 + n % 60)
FROM number;

WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < @rows)
INSERT INTO purchase
SELECT n, 1 + n * 2654435761 % (@rows / 10), (n * 7919 % 100000) / 100.0,
       printf('item-%05d', n * 40503 % 20000)
FROM number;
COMMIT;

CREATE INDEX purchase_by_customer ON purchase (customer, amount);
CREATE INDEX purchase_by_item ON purchase (item);
CREATE INDEX customer_by_name ON customer (name);

-- Joins, sorters and groups.
SELECT region, count(*), round(sum(amount), 2), max(item)
FROM customer JOIN purchase ON purchase.customer = customer.id
GROUP BY region ORDER BY region;

SELECT item, count(*) AS times, round(avg(amount), 3)
FROM purchase GROUP BY item ORDER BY times DESC, item LIMIT 20;

SELECT count(*), sum(length(line)) FROM (
  SELECT customer, group_concat(item, ',') AS line FROM purchase GROUP BY customer);

-- Documents built and taken apart.
SELECT count(*), sum(json_extract(document, '$.total')) FROM (
  SELECT json_object('name', name, 'total', length(notes), 'tags', json_array(id, region)) AS document
  FROM customer);

-- Rows that grow, shrink and go away.
BEGIN;
UPDATE customer SET notes = notes || printf(' seen %d times, last as %s', id % 97, name)
WHERE id % 3 = 0;
DELETE FROM purchase WHERE id % 5 = 0;
UPDATE purchase SET item = item || '-returned' WHERE id % 11 = 0;
COMMIT;

SELECT count(*), round(sum(amount), 2), sum(length(item)) FROM purchase;
SELECT count(*), sum(length(notes)) FROM customer;
SELECT count(DISTINCT item) FROM purchase;
PRAGMA integrity_check;
