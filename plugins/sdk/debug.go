package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

// ReattachVariable names the environment variable that makes mkmini call
// plugins that run already. Its value is a JSON object of [Reattach] by the
// plugins' names.
const ReattachVariable = "MKMINI_REATTACH_PLUGINS"

// debugFlag makes a plugin serve until it is stopped, for a debugger.
const debugFlag = "--debug"

// Reattach says where a plugin serves that was started with --debug.
type Reattach struct {
	// Network and Address are of its listener: "unix" and a path.
	Network string `json:"network"`
	Address string `json:"address"`
	// Pid is its process, and Protocol the version that it speaks.
	Pid      int `json:"pid"`
	Protocol int `json:"protocol"`
	// Executable is the absolute path of its program, which describes itself
	// if it is run with Args and "describe".
	Executable string   `json:"executable"`
	Args       []string `json:"args,omitempty"`
}

// ParseReattach reads the value of [ReattachVariable]. An empty one has no
// plugins.
func ParseReattach(value string) (map[string]Reattach, error) {
	if value == "" {
		return nil, nil
	}
	var all map[string]Reattach
	dec := json.NewDecoder(strings.NewReader(value))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&all); err != nil {
		return nil, fmt.Errorf("read the plugins to attach to: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read the plugins to attach to: there is something after the JSON object")
	}
	for name, r := range all {
		if r.Network != "unix" || r.Address == "" || r.Executable == "" {
			return nil, fmt.Errorf("read the plugins to attach to: %q has no unix socket or no executable", name)
		}
	}
	return all, nil
}

// serveDebug serves a plugin until it gets SIGINT or SIGTERM, to any mkmini
// that attaches to it, and prints what the user has to export. There is no
// TLS: whoever may connect to the socket may call.
func serveDebug(p Plugin, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	executable, err := os.Executable()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	s := &server{plugin: p, calls: newCalls()}
	attach, closed := make(chan *plugin.ReattachConfig, 1), make(chan struct{})
	go plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{ProtocolVersion: servedPlugins(p, s.calls)[ProtocolVersion]},
		GRPCServer:       s.start,
		Logger:           hclog.New(&hclog.LoggerOptions{Name: p.Name, Level: hclog.Warn, Output: stderr}),
		Test:             &plugin.ServeTestConfig{Context: ctx, ReattachConfigCh: attach, CloseCh: closed},
	})
	select {
	case at := <-attach:
		line, err := json.Marshal(map[string]Reattach{p.Name: {
			Network: at.Addr.Network(), Address: at.Addr.String(), Pid: at.Pid, Protocol: at.ProtocolVersion, Executable: executable,
			Args: slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == debugFlag }),
		}})
		if err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
		fmt.Fprintf(stderr, "Plugin %s serves until Ctrl-C. To make mkmini call it, set in another shell:\n\n", p.Name)
		fmt.Fprintf(stdout, "export %s='%s'\n", ReattachVariable, strings.ReplaceAll(string(line), "'", `'\''`))
	case <-closed:
		fmt.Fprintln(stderr, "The plugin can't serve.")
		return 1
	}
	<-ctx.Done()
	s.calls.cancel()
	<-closed
	s.calls.drain(drainLimit)
	return 0
}
