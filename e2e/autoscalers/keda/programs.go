//go:build programs

// Package keda names the programs of KEDA that the build takes from its module, so that go.mod lists them.
package keda

import (
	_ "github.com/kedacore/keda/v2/cmd/adapter"
	_ "github.com/kedacore/keda/v2/cmd/operator"
)
