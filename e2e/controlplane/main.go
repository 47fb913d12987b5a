// Command controlplane is every program that a cluster for tests consists of, in one binary.
//
// It runs the program that it is called by the name of (argv[0], normally a link), or else the one that its
// first argument names. One binary instead of eight, because the programs share nearly all of their code: linking
// them together takes an eighth of the time and a fifth of the disk.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// A program takes its arguments from os.Args, as it would on its own, and returns the exit code.
type program func() int

var programs = map[string]program{
	"etcd":                    etcd,
	"helm":                    helm,
	"kube-apiserver":          apiServer,
	"kube-controller-manager": controllerManager,
	"kube-proxy":              proxy,
	"kube-scheduler":          scheduler,
	"kubectl":                 kubectl,
	"kubelet":                 kubelet,
	"kwok":                    kwok,
}

func main() {
	run, ok := programs[filepath.Base(os.Args[0])]
	if !ok && len(os.Args) > 1 {
		if run, ok = programs[os.Args[1]]; ok {
			os.Args = os.Args[1:]
		}
	}
	if !ok {
		fmt.Fprintf(os.Stderr, "usage: controlplane PROGRAM [ARGUMENT...]\nprograms: %s\n", strings.Join(names(), ", "))
		os.Exit(2)
	}
	endWithOwner()
	os.Exit(run())
}

func names() []string {
	list := make([]string, 0, len(programs))
	for name := range programs {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}
