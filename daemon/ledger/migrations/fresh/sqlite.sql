CREATE TABLE headgate_alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT headgate_alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE headgate_ledger (
	id TEXT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE headgate_daemon (
	id TEXT NOT NULL,
	host TEXT NOT NULL,
	pid INTEGER NOT NULL,
	version TEXT NOT NULL,
	spool_id TEXT NOT NULL,
	started_at DOUBLE NOT NULL,
	beat_at DOUBLE NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE headgate_job (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	dataset TEXT NOT NULL,
	spec_version INTEGER NOT NULL,
	sha256 TEXT NOT NULL,
	size_bytes BIGINT NOT NULL,
	file TEXT NOT NULL,
	source TEXT NOT NULL,
	spool_id TEXT,
	spool_key TEXT,
	state TEXT NOT NULL CHECK (state IN ('queued','running','loaded','partial','rejected','duplicate','dead','cancelled','superseded','dismissed','checked')),
	reason TEXT,
	attempt INTEGER NOT NULL,
	crashes INTEGER NOT NULL,
	lost_leases INTEGER NOT NULL,
	run_at DOUBLE NOT NULL,
	lease_token TEXT,
	lease_daemon TEXT,
	first_job INTEGER,
	rows_read BIGINT NOT NULL,
	rows_inserted BIGINT NOT NULL,
	rows_updated BIGINT NOT NULL,
	rows_unchanged BIGINT NOT NULL,
	rows_duplicate BIGINT NOT NULL,
	rows_rejected BIGINT NOT NULL,
	rows_blank BIGINT NOT NULL,
	rows_footer BIGINT NOT NULL,
	errors_total BIGINT NOT NULL,
	seconds JSON NOT NULL,
	cpu_seconds DOUBLE,
	peak_rss_bytes BIGINT,
	created_at DOUBLE NOT NULL,
	started_at DOUBLE,
	finished_at DOUBLE
, fixes_job BIGINT, submitter TEXT, idempotency_key TEXT, cancelled_by TEXT, origin TEXT, origin_stamp TEXT, rows_skipped BIGINT DEFAULT '0' NOT NULL, table_refused BOOLEAN DEFAULT 0 NOT NULL, repeats TEXT DEFAULT 'once' NOT NULL, owed BOOLEAN, after_job BIGINT, check_only BOOLEAN DEFAULT 0 NOT NULL, would_be TEXT, loaded_as BIGINT, finish_order BIGINT DEFAULT '0' NOT NULL);
CREATE INDEX headgate_job_leased ON headgate_job (lease_daemon) WHERE state = 'running';
CREATE INDEX headgate_job_state ON headgate_job (state, id);
CREATE TABLE headgate_event (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	job_id INTEGER NOT NULL,
	at DOUBLE NOT NULL,
	event TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	daemon TEXT,
	detail TEXT,
	FOREIGN KEY(job_id) REFERENCES headgate_job (id) ON DELETE CASCADE
);
CREATE INDEX ix_headgate_event_job_id ON headgate_event (job_id);
CREATE TABLE headgate_reject (
	job_id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	record JSON NOT NULL,
	PRIMARY KEY (job_id, number),
	FOREIGN KEY(job_id) REFERENCES headgate_job (id) ON DELETE CASCADE
);
CREATE INDEX headgate_job_dataset ON headgate_job (dataset, id);
CREATE INDEX headgate_job_dataset_state ON headgate_job (dataset, state, id);
CREATE INDEX headgate_job_submitter ON headgate_job (submitter, id) WHERE submitter IS NOT NULL;
CREATE UNIQUE INDEX headgate_job_idempotency ON headgate_job (submitter, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX headgate_job_first ON headgate_job (first_job) WHERE first_job IS NOT NULL;
CREATE INDEX headgate_job_fixes ON headgate_job (fixes_job) WHERE fixes_job IS NOT NULL;
CREATE INDEX headgate_job_origin ON headgate_job (origin) WHERE origin IS NOT NULL;
CREATE TABLE headgate_loaded_content (
	dataset TEXT NOT NULL,
	sha256 TEXT NOT NULL,
	spec_version INTEGER NOT NULL,
	job_id BIGINT NOT NULL, finish_order BIGINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (dataset, sha256, spec_version)
);
CREATE INDEX headgate_job_kept ON headgate_job (spool_id, finished_at) WHERE spool_key IS NOT NULL;
CREATE INDEX headgate_job_finished ON headgate_job (finished_at) WHERE finished_at IS NOT NULL;
CREATE TABLE headgate_taken_file (
	origin TEXT NOT NULL,
	origin_stamp TEXT NOT NULL,
	sha256 TEXT NOT NULL,
	job_id BIGINT NOT NULL,
	PRIMARY KEY (origin)
);
CREATE INDEX headgate_job_content ON headgate_job (dataset, sha256, spec_version) WHERE state IN ('loaded','partial');
CREATE INDEX headgate_job_owed ON headgate_job (id) WHERE owed;
CREATE TABLE headgate_preview (
	job_id INTEGER NOT NULL,
	preview JSON NOT NULL,
	PRIMARY KEY (job_id),
	FOREIGN KEY(job_id) REFERENCES headgate_job (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX headgate_job_identity ON headgate_job (dataset, sha256, spec_version) WHERE state IN ('queued','running') AND after_job IS NULL AND NOT check_only;
CREATE TABLE headgate_mapping (
	id INTEGER NOT NULL,
	dataset TEXT NOT NULL,
	titles_digest TEXT NOT NULL,
	content JSON NOT NULL,
	made_by TEXT,
	made_at DOUBLE NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (dataset, titles_digest)
);
CREATE TABLE headgate_source (
	origin TEXT NOT NULL,
	daemon TEXT NOT NULL,
	held_until DOUBLE NOT NULL, failures INTEGER,
	PRIMARY KEY (origin)
);
CREATE TABLE headgate_mail (
	id INTEGER NOT NULL,
	account TEXT NOT NULL,
	folder TEXT NOT NULL,
	uidvalidity BIGINT NOT NULL,
	uid BIGINT NOT NULL,
	message_id TEXT,
	reply_id TEXT NOT NULL,
	state TEXT NOT NULL,
	taker TEXT,
	replier TEXT,
	spool_id TEXT,
	mailbox TEXT NOT NULL,
	letter JSON NOT NULL,
	outcome TEXT,
	tries INTEGER DEFAULT '0' NOT NULL,
	created_at DOUBLE NOT NULL,
	first_try_at DOUBLE,
	reply_at DOUBLE,
	PRIMARY KEY (id),
	CONSTRAINT headgate_mail_state_check CHECK (state IN ('taking','owed','done')),
	UNIQUE (account, folder, uidvalidity, uid),
	UNIQUE (reply_id)
);
CREATE INDEX headgate_mail_owed ON headgate_mail (spool_id, reply_at) WHERE state = 'owed';
CREATE INDEX headgate_mail_message ON headgate_mail (account, message_id);
CREATE TABLE headgate_mail_job (
	mail_id INTEGER NOT NULL,
	job_id INTEGER NOT NULL,
	PRIMARY KEY (mail_id, job_id),
	FOREIGN KEY(mail_id) REFERENCES headgate_mail (id) ON DELETE CASCADE,
	FOREIGN KEY(job_id) REFERENCES headgate_job (id) ON DELETE CASCADE
);
CREATE INDEX headgate_mail_job_job ON headgate_mail_job (job_id);
CREATE INDEX headgate_job_waiting ON headgate_job (spool_id, run_at, id) WHERE state = 'queued';
CREATE INDEX headgate_job_unfinished ON headgate_job (dataset, id) WHERE state IN ('queued','running') AND NOT check_only;
CREATE INDEX headgate_job_unfinished_since ON headgate_job (created_at) WHERE state IN ('queued','running');
CREATE INDEX headgate_job_unwanted ON headgate_job (id) WHERE state IN ('queued','running') AND cancelled_by IS NOT NULL;
CREATE INDEX headgate_job_success ON headgate_job (dataset, finish_order, id) WHERE state IN ('loaded','partial');
CREATE INDEX headgate_loaded_content_last ON headgate_loaded_content (dataset, finish_order, job_id);
CREATE TABLE headgate_corrected_row (
	job_id INTEGER NOT NULL,
	name TEXT NOT NULL,
	loaded_by BIGINT NOT NULL,
	PRIMARY KEY (job_id, name),
	FOREIGN KEY(job_id) REFERENCES headgate_job (id) ON DELETE CASCADE
);
