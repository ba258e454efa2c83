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
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// drainLimit is how long a plugin waits for its calls when it is told to
// stop. Command ends a compiler in half a second; mkmini kills a plugin that
// hasn't ended after one.
const drainLimit = 700 * time.Millisecond

// statusTerminated is a shell's exit status for a process that SIGTERM ended.
const statusTerminated = 128 + int(syscall.SIGTERM)

// Serve serves a plugin and ends the process. It is all that a plugin's main
// has to call, before anything is printed on standard output.
func Serve(p Plugin) {
	os.Exit(ServeArgs(p, os.Args[1:]))
}

// ServeArgs serves a plugin with the arguments that follow the program's
// name, and returns the exit status. With a last argument "describe" it
// prints the [Manifest] as JSON. With "--debug" among them it serves until it
// is stopped, and prints the [ReattachVariable] with which mkmini calls it. Run
// by hand it says what the program is, and returns 1.
func ServeArgs(p Plugin, args []string) int {
	if len(args) > 0 && args[len(args)-1] == "describe" {
		if err := describe(context.Background(), p, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	if slices.Contains(args, debugFlag) {
		return serveDebug(p, args, os.Stdout, os.Stderr)
	}
	if os.Getenv(Handshake().MagicCookieKey) != Handshake().MagicCookieValue {
		fmt.Fprint(os.Stderr, usage(p))
		return 1
	}
	return serve(p)
}

// Manifest returns what `describe` prints.
func (p Plugin) Manifest(ctx context.Context) (Manifest, error) {
	m := Manifest{Name: p.Name, Version: p.Version, Protocols: ProtocolVersions(), Mkmini: FirstMkmini, Abilities: p.abilities()}
	if p.Toolchain == nil && p.Exporter == nil {
		return m, errors.New("describe plugin " + p.Name + ": it has neither a toolchain nor an exporter")
	}
	if p.Toolchain != nil {
		info, err := p.Toolchain.Describe(ctx)
		if err != nil {
			return m, fmt.Errorf("describe toolchain %s: %w", p.Name, err)
		}
		if _, ok := p.Toolchain.(LibcBuilder); info.Musl != "" && !ok {
			return m, fmt.Errorf("describe toolchain %s: it names musl's architecture %q, and is no LibcBuilder", p.Name, info.Musl)
		}
		m.Toolchain = &info
	}
	if p.Exporter != nil {
		info, err := p.Exporter.Describe(ctx)
		if err != nil {
			return m, fmt.Errorf("describe exporter %s: %w", p.Name, err)
		}
		m.Exporter = &info
	}
	return m, nil
}

func describe(ctx context.Context, p Plugin, w io.Writer) error {
	m, err := p.Manifest(ctx)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(m)
}

// usage says what to do with a plugin that somebody ran by hand.
func usage(p Plugin) string {
	var kinds, blocks []string
	if p.Toolchain != nil {
		kinds, blocks = append(kinds, "the toolchain"), append(blocks, fmt.Sprintf("  toolchain %q {}\n", p.Name))
	}
	if p.Exporter != nil {
		kinds, blocks = append(kinds, "the exporter"), append(blocks, fmt.Sprintf("  export %q {}\n", p.Name))
	}
	return fmt.Sprintf(`This is a plugin of mkmini, %s %q, version %s. It is not run by hand: mkmini
starts it for a configuration that says

%s
and finds it under the name mkmini-plugin-%s in the folder .mkmini/plugins
beside the configuration, in the user's plugin folder or in PATH.
With the argument "describe" it prints as JSON what it can do; with --debug it
serves until Ctrl-C, so that a debugger can hold it, and says how to attach.
`, strings.Join(kinds, " and "), p.Name, p.Version, strings.Join(blocks, ""), p.Name)
}

func serve(p Plugin) int {
	// go-plugin replaces os.Stderr by a pipe to the host when it serves. A
	// logger made now keeps the real one, which still works after a crash.
	logger := hclog.New(&hclog.LoggerOptions{Name: p.Name, Level: hclog.Warn, Output: os.Stderr, JSONFormat: true})

	s := &server{plugin: p, calls: newCalls()}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		s.terminate()
	}()

	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  Handshake(),
		VersionedPlugins: servedPlugins(p, s.calls),
		GRPCServer:       s.start,
		Logger:           logger,
	})
	if s.isTerminated() {
		return s.farewell()
	}
	if !s.calls.drain(drainLimit) {
		logger.Warn("calls did not end in time", "limit", drainLimit)
	}
	return 0
}

// server is the gRPC server of a plugin process.
type server struct {
	plugin Plugin
	calls  *calls

	mu         sync.Mutex
	grpc       *grpc.Server
	terminated bool
}

// start makes the gRPC server, as go-plugin asks for.
func (s *server) start(opts []grpc.ServerOption) *grpc.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grpc = grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(maxMessage))...)
	pluginv1.RegisterCallsServer(s.grpc, s.calls)
	registerAbilities(s.grpc, s.plugin, s.calls)
	return s.grpc
}

// terminate cancels the calls and makes plugin.Serve return. The host sends
// SIGTERM, and the kernel does when the host has died.
func (s *server) terminate() {
	s.mu.Lock()
	s.terminated = true
	started := s.grpc
	s.mu.Unlock()
	s.calls.cancel()
	if started == nil {
		os.Exit(statusTerminated)
	}
	// Calls end first, so that their answers can still reach the host.
	s.calls.drain(drainLimit)
	started.Stop()
}

func (s *server) isTerminated() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.terminated
}

// farewell removes the folder of the sockets, which a host that has died
// can't do, if there is nothing else in it, and returns the exit status.
func (s *server) farewell() int {
	if dir := os.Getenv(plugin.EnvUnixSocketDir); dir != "" {
		_ = os.Remove(dir)
	}
	return statusTerminated
}
