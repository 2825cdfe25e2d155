"""The cluster as manifests for CloudNativePG: another engine, for who has a Kubernetes. Pure."""
