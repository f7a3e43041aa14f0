-- Each block is a view: its name and what one row is, then its SELECT.
-- {files} are those that it reads, {root} is the results folder, {cost_types} the types of the costs. Where no
-- file is there, the block "empty NAME" stands for it, so that every view exists with its columns.

--- raw_records: one row a readable record.json
SELECT parse_path(filename)[-2] AS cell, content::JSON AS record
FROM read_text({files})
WHERE json_valid(content)

--- empty raw_records
SELECT NULL::VARCHAR AS cell, NULL::JSON AS record WHERE false

--- raw_runs: one row a readable run.json
SELECT parse_path(filename)[-2] AS run, content::JSON AS manifest
FROM read_text({files})
WHERE json_valid(content)

--- empty raw_runs
SELECT NULL::VARCHAR AS run, NULL::JSON AS manifest WHERE false

--- unreadable: one row for each record.json or run.json that cannot be read; damaged Parquet files are named on stderr
SELECT substr(filename, length('{root}') + 2) AS file, size AS bytes
FROM read_text({files})
WHERE NOT json_valid(content)

--- empty unreadable
SELECT NULL::VARCHAR AS file, NULL::BIGINT AS bytes WHERE false

--- runs: one row a run
SELECT
    run,
    manifest ->> 'suite' AS suite,
    TRY_CAST(manifest ->> 'suite_version' AS INTEGER) AS suite_version,
    manifest ->> 'status' AS status,
    manifest ->> 'dataset' AS dataset,
    manifest ->> 'fingerprint' AS fingerprint,
    TRY_CAST(manifest ->> 'seed' AS BIGINT) AS seed,
    TRY_CAST(manifest ->> 'limit' AS BIGINT) AS "limit",
    TRY_CAST(manifest ->> 'workers' AS INTEGER) AS workers,
    TRY_CAST(manifest ->> 'started_at' AS TIMESTAMP) AS started_at,
    TRY_CAST(manifest ->> 'finished_at' AS TIMESTAMP) AS finished_at,
    TRY_CAST(manifest ->> 'wall_s' AS DOUBLE) AS wall_s,
    manifest ->> '$.machine.fingerprint' AS machine,
    manifest ->> 'command' AS command,
    json_array_length(manifest -> 'cells')::BIGINT AS cells
FROM raw_runs

--- run_cells: one row a cell of a run; a cell may belong to several runs, or to none
SELECT
    run,
    item ->> 'task' AS task,
    item ->> 'method' AS method,
    TRY_CAST(item ->> 'fold' AS INTEGER) AS fold,
    TRY_CAST(item ->> 'repeat' AS INTEGER) AS repeat,
    item ->> 'key' AS cell,
    item ->> 'status' AS status,
    TRY_CAST(item ->> 'reused' AS BOOLEAN) AS reused
FROM (SELECT run, unnest(json_transform(manifest -> 'cells', '["JSON"]')) AS item FROM raw_runs)

--- records: one row a cell: one method on one fold with one seed
SELECT
    cell,
    record ->> 'method' AS method,
    record ->> '$.task.task' AS task,
    record ->> 'dataset' AS dataset,
    record ->> 'fingerprint' AS fingerprint,
    record ->> 'split_hash' AS split_hash,
    TRY_CAST(record ->> 'fold' AS INTEGER) AS fold,
    TRY_CAST(record ->> 'repeat' AS INTEGER) AS repeat,
    TRY_CAST(record ->> 'seed' AS BIGINT) AS seed,
    record ->> 'device' AS device,
    record ->> 'status' AS status,
    record ->> '$.failure.type' AS failure,
    record ->> '$.failure.message' AS failure_message,
    coalesce(TRY_CAST(record ->> '$.failed_documents.count' AS BIGINT), 0) AS failed_documents,
    coalesce(TRY_CAST(record ->> 'goes' AS INTEGER), 1) AS goes,
    TRY_CAST(record ->> 'started_at' AS TIMESTAMP) AS started_at,
    record ->> '$.machine.fingerprint' AS machine,
    TRY_CAST(record ->> 'contended' AS BOOLEAN) AS contended,
    record -> 'params' AS params,
    record -> 'notes' AS notes,
    record -> 'details' AS details
FROM raw_records

--- metrics: one row a metric of a cell, with its 95 % interval
SELECT
    cell,
    task,
    method,
    dataset,
    fold,
    repeat,
    entry.key AS metric,
    entry.value.value AS value,
    entry.value.low AS low,
    entry.value.high AS high,
    entry.value.n AS n,
    entry.value.higher_is_better AS higher_is_better,
    entry.value.reason AS reason
FROM (
    SELECT
        cell,
        record ->> '$.task.task' AS task,
        record ->> 'method' AS method,
        record ->> 'dataset' AS dataset,
        TRY_CAST(record ->> 'fold' AS INTEGER) AS fold,
        TRY_CAST(record ->> 'repeat' AS INTEGER) AS repeat,
        unnest(map_entries(json_transform(
            record -> 'metrics',
            '"MAP(VARCHAR, STRUCT(value DOUBLE, low DOUBLE, high DOUBLE, n BIGINT, higher_is_better BOOLEAN, reason VARCHAR))"'
        ))) AS entry
    FROM raw_records
)

--- costs: one row a cell: seconds, bytes and documents a second
SELECT
    cell,
    record ->> '$.task.task' AS task,
    record ->> 'method' AS method,
    record ->> 'dataset' AS dataset,
    TRY_CAST(record ->> 'fold' AS INTEGER) AS fold,
    TRY_CAST(record ->> 'repeat' AS INTEGER) AS repeat,
    unnest(json_transform(record -> 'costs', '{cost_types}'))
FROM raw_records

--- predictions: one row a document of a cell, as the method answered; columns of other tasks are null
SELECT * FROM empty_predictions
UNION ALL BY NAME
SELECT parse_path(filename)[-2] AS cell, * EXCLUDE (filename)
FROM read_parquet({files}, union_by_name = true, filename = true)

--- empty predictions
SELECT
    NULL::VARCHAR AS cell,
    NULL::VARCHAR AS id,
    NULL::VARCHAR[] AS phrases,
    NULL::DOUBLE[] AS scores,
    NULL::VARCHAR AS label,
    NULL::VARCHAR[] AS classes
WHERE false

--- phrases: one row a predicted keyphrase of a document of a cell; rank 1 is the best
SELECT
    cell,
    id,
    generate_subscripts(phrases, 1) AS rank,
    unnest(phrases) AS phrase,
    unnest(scores) AS score
FROM predictions
WHERE phrases IS NOT NULL

--- scores: one row a document and metric of a cell; metrics of the whole sample (f1, roc_auc) are in metrics
SELECT cell, id, metric, value
FROM (
    UNPIVOT (
        SELECT
            parse_path(filename)[-2] AS cell,
            id,
            TRY_CAST(COLUMNS(lambda c: c NOT IN ('filename', 'id', 'gold', 'predicted')) AS DOUBLE)
        FROM read_parquet({files}, union_by_name = true, filename = true)
    )
    ON COLUMNS(lambda c: c NOT IN ('cell', 'id')) INTO NAME metric VALUE value
)

--- empty scores
SELECT NULL::VARCHAR AS cell, NULL::VARCHAR AS id, NULL::VARCHAR AS metric, NULL::DOUBLE AS value WHERE false

--- documents: one row a document of a dataset that was run, with its texts by field
SELECT
    parse_path(filename)[-2] AS fingerprint,
    id,
    language,
    map_from_entries(list_transform(list_zip(names, texts), lambda x: struct_pack(k := x[1], v := x[2]))) AS fields
FROM read_parquet({files}, union_by_name = true, filename = true)

--- empty documents
SELECT
    NULL::VARCHAR AS fingerprint,
    NULL::VARCHAR AS id,
    NULL::VARCHAR AS language,
    NULL::MAP(VARCHAR, VARCHAR) AS fields
WHERE false

--- targets: one row a task and document: the gold
SELECT parse_path(filename)[-2] AS fingerprint, task, id, TRY_CAST(target AS JSON) AS target
FROM read_parquet({files}, union_by_name = true, filename = true)

--- empty targets
SELECT NULL::VARCHAR AS fingerprint, NULL::VARCHAR AS task, NULL::VARCHAR AS id, NULL::JSON AS target WHERE false
