"""The service that archives and backs up one cluster, and what it does when it is asked."""
