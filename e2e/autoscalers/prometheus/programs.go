//go:build programs

// Package prometheus names the program that the build takes from Prometheus' module, so that go.mod lists it. A module of its
// own: with what KEDA wants, it does not compile.
package prometheus

import _ "github.com/prometheus/prometheus/cmd/prometheus"
