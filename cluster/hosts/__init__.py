"""Several Docker hosts as their agents and votes have them: documents of Patroni and etcd, quorum, judgement. Pure."""
