// Command device-plugin hands out devices that are not there, over the kubelet's own socket, as the plug-in of a vendor of GPUs
// does: the kubelet counts them, gives each to one container, and tells of their health.
//
// A device is broken while a file of its name lies in the folder of broken ones.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	plugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// interval is the time between two looks at the files that say what has changed.
const interval = 100 * time.Millisecond

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: device-plugin RESOURCE COUNT FOLDER-OF-BROKEN-ONES")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run announces the devices to every kubelet that comes up: one that restarts has forgotten its plug-ins and has cleared
// away their sockets.
func run(resource, amount, broken string) error {
	count, err := strconv.Atoi(amount)
	if err != nil {
		return err
	}
	for {
		kubelet, err := os.Stat(plugin.KubeletSocket)
		if err != nil {
			time.Sleep(interval)
			continue
		}
		if err := serve(resource, &devices{count: count, broken: broken}, kubelet); err != nil {
			fmt.Fprintln(os.Stderr, err)
			time.Sleep(interval)
		}
	}
}

// serve hands out devices to one kubelet until its socket is another one's.
func serve(resource string, devices *devices, kubelet os.FileInfo) error {
	socket := strings.ReplaceAll(resource, "/", "-") + ".sock"
	path := filepath.Join(plugin.DevicePluginPath, socket)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	defer server.Stop()
	plugin.RegisterDevicePluginServer(server, devices)
	go server.Serve(listener)
	if err := register(resource, socket); err != nil {
		return err
	}
	fmt.Printf("announced %d %s\n", devices.count, resource)
	for {
		time.Sleep(interval)
		now, err := os.Stat(plugin.KubeletSocket)
		if err != nil || !os.SameFile(now, kubelet) {
			return nil
		}
	}
}

func register(resource, socket string) error {
	connection, err := grpc.NewClient("unix://"+plugin.KubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request := &plugin.RegisterRequest{Version: plugin.Version, Endpoint: socket, ResourceName: resource}
	_, err = plugin.NewRegistrationClient(connection).Register(ctx, request)
	return err
}

// devices are as many as there are said to be.
type devices struct {
	plugin.UnimplementedDevicePluginServer
	count  int
	broken string
}

func (*devices) GetDevicePluginOptions(context.Context, *plugin.Empty) (*plugin.DevicePluginOptions, error) {
	return &plugin.DevicePluginOptions{}, nil
}

// ListAndWatch tells of the devices at first, and again each time that the health of one has changed.
func (d *devices) ListAndWatch(_ *plugin.Empty, stream grpc.ServerStreamingServer[plugin.ListAndWatchResponse]) error {
	told := ""
	for {
		list := d.list()
		if health := fmt.Sprint(list); health != told {
			told = health
			if err := stream.Send(&plugin.ListAndWatchResponse{Devices: list}); err != nil {
				return err
			}
		}
		select {
		case <-stream.Context().Done():
			return nil
		case <-time.After(interval):
		}
	}
}

func (d *devices) list() []*plugin.Device {
	var list []*plugin.Device
	for number := range d.count {
		device := &plugin.Device{ID: fmt.Sprintf("GPU-%d", number), Health: plugin.Healthy}
		if _, err := os.Stat(filepath.Join(d.broken, device.ID)); err == nil {
			device.Health = plugin.Unhealthy
		}
		list = append(list, device)
	}
	return list
}

// Allocate gives a container the names of its devices, as those of NVIDIA are given.
func (*devices) Allocate(_ context.Context, request *plugin.AllocateRequest) (*plugin.AllocateResponse, error) {
	response := &plugin.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		names := strings.Join(container.DevicesIds, ",")
		response.ContainerResponses = append(response.ContainerResponses, &plugin.ContainerAllocateResponse{
			Envs: map[string]string{"NVIDIA_VISIBLE_DEVICES": names},
		})
	}
	return response, nil
}
