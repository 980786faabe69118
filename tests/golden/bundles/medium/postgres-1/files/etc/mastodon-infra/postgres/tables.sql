-- Managed by mastodon-infra; local edits are lost. May run as often as it likes: only what differs is changed.
-- The default waits for a fifth of a table. It takes no lock that reads or writes would wait for.
SET lock_timeout = 0;
SET statement_timeout = 0;

SELECT format('ALTER TABLE %s SET (%s)', big.oid::regclass, array_to_string(wanted.options, ', '))
FROM (VALUES (ARRAY[
    'autovacuum_vacuum_scale_factor=0.02',
    'autovacuum_vacuum_insert_scale_factor=0.05',
    'autovacuum_analyze_scale_factor=0.02'
])) AS wanted (options)
CROSS JOIN pg_class AS big
WHERE big.relnamespace = 'public'::regnamespace AND big.relkind = 'r'
    AND NOT coalesce(big.reloptions @> wanted.options, false)
    AND big.relname IN (
        'account_stats',
        'accounts',
        'conversations',
        'favourites',
        'follows',
        'media_attachments',
        'mentions',
        'notifications',
        'preview_cards',
        'status_stats',
        'statuses',
        'statuses_tags'
    )
ORDER BY big.relname \gexec
