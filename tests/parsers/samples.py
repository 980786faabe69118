"""Artefacts of roles that no bundle has yet: their checks are shown to work before the templates come."""

PROMETHEUS = """\
global:
  scrape_interval: 15s
rule_files:
  - /etc/prometheus/rules.d/*.rules.yml
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ["10.80.0.1:9100"]
"""
RULES = """\
groups:
  - name: machines
    rules:
      - alert: Down
        expr: up == 0
        for: 5m
        labels: {severity: page}
        annotations: {summary: "{{ $labels.instance }} does not answer"}
"""
RULE_TESTS = """\
rule_files: [/etc/prometheus/rules.d/one.rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: [{series: 'up{instance="a"}', values: "0x10"}]
    alert_rule_test:
      - eval_time: 6m
        alertname: Down
        exp_alerts:
          - exp_labels: {severity: page, instance: a}
            exp_annotations: {summary: "a does not answer"}
"""
ALERTMANAGER = """\
route: {receiver: people}
receivers:
  - name: people
    webhook_configs: [{url_file: /etc/prometheus/webhook}]
"""
PGBACKREST = """\
[global]
repo1-type=s3
repo1-path=/pgbackrest
repo1-s3-bucket=backups
repo1-s3-endpoint=localhost
repo1-s3-region=au-mel
repo1-s3-key=identifier
repo1-s3-key-secret=secret
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=passphrase
repo1-retention-full=2
[main]
pg1-path=/var/lib/postgresql/17/main
"""
CHRONY = "pool time.example iburst\ndriftfile /var/lib/chrony/chrony.drift\nmakestep 1 3\n"
SYSUSERS = 'u mastodon 991 "Mastodon" /var/lib/mastodon\n'
LOGROTATE = "/var/log/one.log {\n    weekly\n    rotate 4\n    missingok\n}\n"
