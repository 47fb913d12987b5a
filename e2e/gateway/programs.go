//go:build programs

// Package gateway names the program that the build takes from Envoy Gateway's module, so that go.mod lists it.
package gateway

import _ "github.com/envoyproxy/gateway/cmd/envoy-gateway"
