-- store: payloads
ALTER TABLE payloads
    MODIFY COMMENT 'One row a request whose texts may be kept: redacted, and for 30 days',
    COMMENT COLUMN ts 'when the request ended, UTC',
    COMMENT COLUMN tenant_id 'whose request it is',
    COMMENT COLUMN request_id 'the service''s own id of the request, unique within the tenant',
    COMMENT COLUMN run 'which pass of the request: 1, or more after a dead letter was replayed',
    COMMENT COLUMN user_id 'who asked, as the service knows them: erase a user by it',
    COMMENT COLUMN prompt_text 'what was asked, with placeholders for personal data',
    COMMENT COLUMN output_text 'what was answered, with placeholders; NULL where there is no answer',
    COMMENT COLUMN k_topic 'the topic of the record that this row comes from',
    COMMENT COLUMN k_partition 'its partition',
    COMMENT COLUMN k_offset 'its offset: with topic and partition, each record is here once';
