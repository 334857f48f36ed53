BEGIN TRANSACTION;
CREATE TABLE complaints (
	id INTEGER NOT NULL, 
	customer_id VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	remark TEXT, 
	at VARCHAR(27) NOT NULL, 
	call_back_by VARCHAR(27) NOT NULL, 
	called_back_at VARCHAR(27), 
	closed_at VARCHAR(27), 
	PRIMARY KEY (id)
);
CREATE TABLE corrections (
	id INTEGER NOT NULL, 
	customer_id VARCHAR NOT NULL, 
	event VARCHAR NOT NULL, 
	onset_date DATE, 
	correction VARCHAR NOT NULL, 
	remark TEXT, 
	at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE customers (
	customer_id VARCHAR NOT NULL, 
	is_adult BOOLEAN NOT NULL, 
	language VARCHAR NOT NULL, 
	products_held TEXT NOT NULL, 
	open_complaint BOOLEAN NOT NULL, 
	in_arrears BOOLEAN NOT NULL, 
	PRIMARY KEY (customer_id)
);
INSERT INTO "customers" VALUES('c-1',1,'nl','',0,0);
INSERT INTO "customers" VALUES('c-2',0,'nl','',0,0);
CREATE TABLE detections (
	customer_id VARCHAR NOT NULL, 
	as_of DATE NOT NULL, 
	event VARCHAR NOT NULL, 
	onset_date DATE NOT NULL, 
	detected_on DATE NOT NULL, 
	probability FLOAT NOT NULL, 
	status VARCHAR NOT NULL, 
	offer_class VARCHAR NOT NULL, 
	evidence TEXT NOT NULL, 
	release_id VARCHAR NOT NULL, 
	PRIMARY KEY (customer_id, as_of, event, onset_date)
);
CREATE TABLE idempotency (
	client VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	request_sha256 VARCHAR(64) NOT NULL, 
	status INTEGER, 
	answer TEXT, 
	at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (client, "key")
);
CREATE TABLE kill_switches (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	event VARCHAR NOT NULL, 
	state VARCHAR NOT NULL CHECK (state IN ('on', 'off')), 
	role VARCHAR NOT NULL, 
	person VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	key_id VARCHAR(64) NOT NULL, 
	signature VARCHAR NOT NULL, 
	at VARCHAR(27) NOT NULL
);
CREATE TABLE offers (
	id INTEGER NOT NULL, 
	customer_id VARCHAR NOT NULL, 
	event VARCHAR NOT NULL, 
	product VARCHAR NOT NULL, 
	state VARCHAR NOT NULL CHECK (state IN ('sent', 'answered', 'recalled')), 
	answer VARCHAR, 
	at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	topic VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	delivered_at VARCHAR(27), 
	PRIMARY KEY (id)
);
CREATE TABLE permission_events (
	version INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	customer_id VARCHAR NOT NULL, 
	purpose VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	regime VARCHAR, 
	notice_version VARCHAR NOT NULL, 
	notice_sha256 VARCHAR NOT NULL, 
	language VARCHAR NOT NULL, 
	channel VARCHAR NOT NULL, 
	actor VARCHAR NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	evidence VARCHAR NOT NULL, 
	idempotency_key VARCHAR, 
	UNIQUE (customer_id, idempotency_key)
);
INSERT INTO "permission_events" VALUES(1,'c-1','own_product_offers','consented',NULL,'2026-01','4399853eb1c0e870710b130f4fda0c8e1c4dceacf7bc977da54f2a4ca5ead9d1','nl','page','customer','2026-11-23T12:00:00.000000Z','',NULL);
INSERT INTO "permission_events" VALUES(2,'c-1','own_product_offers','withdrawn',NULL,'2026-01','4399853eb1c0e870710b130f4fda0c8e1c4dceacf7bc977da54f2a4ca5ead9d1','nl','page','customer','2026-11-23T12:00:00.000000Z','',NULL);
CREATE TABLE questions (
	id INTEGER NOT NULL, 
	customer_id VARCHAR NOT NULL, 
	question VARCHAR NOT NULL, 
	answer TEXT, 
	channel VARCHAR NOT NULL, 
	asked_by VARCHAR NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE release_fallbacks (
	release_id VARCHAR(64) NOT NULL, 
	promoted_at VARCHAR(27) NOT NULL, 
	fallen_to VARCHAR(64) NOT NULL, 
	trail_seq INTEGER NOT NULL, 
	PRIMARY KEY (release_id, promoted_at, fallen_to)
);
CREATE TABLE runs (
	customer_id VARCHAR NOT NULL, 
	as_of DATE NOT NULL, 
	release_id VARCHAR NOT NULL, 
	model_version VARCHAR NOT NULL, 
	PRIMARY KEY (customer_id, as_of)
);
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(2);
CREATE TABLE trail (
	seq INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	kind VARCHAR NOT NULL, 
	body TEXT NOT NULL, 
	prev VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "trail" VALUES(1,'2026-11-23T12:00:00.000000Z','permission_recorded','{"body":{"action":"consented","permission_version":1,"purpose":"own_product_offers"},"personal":{"customer_id":"719142e2fe664d8d4955ed83789a824fcb317ecf0675bcae1f1aec327d30b6ff"}}','0000000000000000000000000000000000000000000000000000000000000000','dcfc92c78a60d24234bd378e777365e889b6c1b9b462e748ac85034d93650238');
INSERT INTO "trail" VALUES(2,'2026-11-23T12:00:00.000000Z','permission_recorded','{"body":{"action":"withdrawn","permission_version":2,"purpose":"own_product_offers"},"personal":{"customer_id":"9101c7fcf95f3241614af70486118fa7681b6284b0a69b002d490febfe0cea7f"}}','dcfc92c78a60d24234bd378e777365e889b6c1b9b462e748ac85034d93650238','c4d94eeae89d5fb9bead6f4e67d44cbd4c5a6833b9141cc4c79cfff4b0b38764');
CREATE TABLE trail_commitments (
	seq INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	salt VARCHAR NOT NULL, 
	PRIMARY KEY (seq, name), 
	FOREIGN KEY(seq) REFERENCES trail (seq)
);
INSERT INTO "trail_commitments" VALUES(1,'customer_id','c-1','b27e23111781ba3482e9558f55e6ae50');
INSERT INTO "trail_commitments" VALUES(2,'customer_id','c-1','bcea46fc25af85a7a6acce230663706a');
CREATE INDEX permission_state ON permission_events (customer_id, purpose, version, action, notice_version, notice_sha256, at);
CREATE INDEX permission_purpose ON permission_events (purpose, customer_id, version, action, notice_version);
CREATE INDEX offers_customer ON offers (customer_id, at);
CREATE INDEX corrections_customer ON corrections (customer_id, event);
CREATE INDEX complaints_customer ON complaints (customer_id, closed_at);
CREATE INDEX questions_customer ON questions (customer_id, question);
CREATE INDEX outbox_waiting ON outbox (delivered_at, id);
CREATE INDEX kill_switches_state ON kill_switches (event, id, state);
CREATE INDEX commitment_value ON trail_commitments (name, value);
CREATE TRIGGER permission_events_no_update BEFORE UPDATE ON permission_events  BEGIN SELECT RAISE(ABORT, 'permission_events_no_update'); END;
CREATE TRIGGER permission_events_no_delete BEFORE DELETE ON permission_events  BEGIN SELECT RAISE(ABORT, 'permission_events_no_delete'); END;
CREATE TRIGGER trail_no_update BEFORE UPDATE ON trail  BEGIN SELECT RAISE(ABORT, 'trail_no_update'); END;
CREATE TRIGGER trail_no_delete BEFORE DELETE ON trail  BEGIN SELECT RAISE(ABORT, 'trail_no_delete'); END;
CREATE TRIGGER kill_switches_no_update BEFORE UPDATE ON kill_switches  BEGIN SELECT RAISE(ABORT, 'kill_switches_no_update'); END;
CREATE TRIGGER kill_switches_no_delete BEFORE DELETE ON kill_switches  BEGIN SELECT RAISE(ABORT, 'kill_switches_no_delete'); END;
CREATE TRIGGER permission_events_no_replace BEFORE INSERT ON permission_events WHEN EXISTS (SELECT 1 FROM permission_events WHERE version = NEW.version OR (customer_id = NEW.customer_id AND idempotency_key = NEW.idempotency_key)) BEGIN SELECT RAISE(ABORT, 'permission_events_no_replace'); END;
CREATE TRIGGER trail_no_replace BEFORE INSERT ON trail WHEN EXISTS (SELECT 1 FROM trail WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'trail_no_replace'); END;
CREATE TRIGGER kill_switches_no_replace BEFORE INSERT ON kill_switches WHEN EXISTS (SELECT 1 FROM kill_switches WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'kill_switches_no_replace'); END;
CREATE TRIGGER trail_commitments_no_update BEFORE UPDATE ON trail_commitments  BEGIN SELECT RAISE(ABORT, 'trail_commitments_no_update'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('permission_events',2);
COMMIT;
