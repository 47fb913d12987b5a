//go:build programs

// Package adapter names the program that the build takes from the module of the Prometheus Adapter, so that go.mod lists it. A
// module of its own: it wants older libraries than the others.
package adapter

import _ "sigs.k8s.io/prometheus-adapter/cmd/adapter"
