package main

import (
	"os"
	"strconv"
	"time"
)

// ownerVariable holds the process that a server belongs to. A test that is killed cannot stop its cluster; the
// cluster notices instead.
const ownerVariable = "CONTROLPLANE_OWNER"

// endWithOwner ends this process as soon as its parent is no longer the owner. Nothing is shut down in order: the
// data of a cluster whose owner is gone is deleted by the next one that starts.
func endWithOwner() {
	owner, err := strconv.Atoi(os.Getenv(ownerVariable))
	if err != nil {
		return
	}
	go func() {
		for os.Getppid() == owner {
			time.Sleep(200 * time.Millisecond)
		}
		os.Exit(1)
	}()
}
