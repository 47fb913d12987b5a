package main

import (
	"context"
	"os"
	_ "time/tzdata" // time zones of CronJobs, on machines without a zone database

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserverapp "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanagerapp "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxyapp "k8s.io/kubernetes/cmd/kube-proxy/app"
	schedulerapp "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeletapp "k8s.io/kubernetes/cmd/kubelet/app"
)

func etcd() int {
	etcdmain.Main(os.Args)
	return 0
}

func apiServer() int         { return serve(apiserverapp.NewAPIServerCommand()) }
func controllerManager() int { return serve(controllermanagerapp.NewControllerManagerCommand()) }
func scheduler() int         { return serve(schedulerapp.NewSchedulerCommand()) }
func proxy() int             { return serve(proxyapp.NewProxyCommand()) }
func kubelet() int           { return serve(kubeletapp.NewKubeletCommand(context.Background())) }

func serve(command *cobra.Command) int { return cli.Run(command) }
