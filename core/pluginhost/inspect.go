package pluginhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Inspection is a plugin's process with more to it than builds need: for
// `mkmini plugin check`. Its calls end like those of [Host.Toolchain] and
// [Host.Exporter].
type Inspection struct {
	process *process
	// printed is what came over the stream for standard output.
	printed *head
}

// Inspect starts a process of a plugin that nobody else calls. Close ends it,
// if Stop hasn't.
func (h *Host) Inspect(ctx context.Context, name string) (*Inspection, error) {
	found, err := h.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, errClosed
	}
	i := &Inspection{process: h.newProcess(found), printed: &head{limit: maxHandshake}}
	h.all = append(h.all, i.process)
	h.mu.Unlock()
	i.process.config.SyncStdout = i.printed
	go i.process.launch()
	select {
	case <-i.process.ready:
		return i, i.process.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Toolchain returns the plugin's toolchain, or nil if it has none.
func (i *Inspection) Toolchain() sdk.Toolchain {
	if i.process.toolchain == nil {
		return nil
	}
	return &toolchain{process: i.process}
}

// Exporter returns the plugin's exporter, or nil if it has none.
func (i *Inspection) Exporter() sdk.Exporter {
	if i.process.exporter == nil {
		return nil
	}
	return &exporter{process: i.process}
}

// Pid returns the process's number.
func (i *Inspection) Pid() int { return i.process.program.pid }

// Exited is closed when the process has ended.
func (i *Inspection) Exited() <-chan struct{} { return i.process.program.exited }

// Alive says whether the plugin answers anything at all.
func (i *Inspection) Alive(ctx context.Context) bool {
	_, err := i.Send(ctx, "/mkmini.plugin.v1.Calls/Wait", nil)
	return err == nil
}

// Printed returns what the plugin wrote to its standard output since it has
// been serving, up to a few KiB.
func (i *Inspection) Printed() string {
	_, rest, _ := bytes.Cut(i.process.program.stdout.bytes(), []byte{'\n'})
	return string(rest) + string(i.printed.bytes())
}

// Stderr returns the last lines that the plugin wrote for people.
func (i *Inspection) Stderr() []string { return i.process.program.stderr.lines() }

// Stop asks the plugin to end, and ends it after a second.
func (i *Inspection) Stop() error { return i.process.stop() }

// Shutdown asks the plugin to end, and waits until it has.
func (i *Inspection) Shutdown(ctx context.Context) error {
	// The answer doesn't matter: the connection may break before it comes.
	_, _ = i.Send(ctx, "/plugin.GRPCController/Shutdown", nil)
	select {
	case <-i.Exited():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Healthy asks the plugin's health service whether it serves, as the
// protocol wants it to answer.
func (i *Inspection) Healthy(ctx context.Context) error {
	conn, err := i.connection()
	if err != nil {
		return err
	}
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: plugin.GRPCServiceName})
	if err != nil {
		return fmt.Errorf("ask for the plugin's health: %w", err)
	}
	if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("the plugin's health is %s, not SERVING", answer.GetStatus())
	}
	return nil
}

// Send calls a method by its full name, "/mkmini.plugin.v1.Exporter/Export",
// with any bytes for a message, and returns the name of the status that the
// plugin answers with: "OK", "Internal". The error says that there was no
// answer.
func (i *Inspection) Send(ctx context.Context, method string, message []byte) (string, error) {
	conn, err := i.connection()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method, grpc.ForceCodec(verbatim{}))
	if err == nil {
		err = stream.SendMsg(message)
	}
	if err == nil {
		err = stream.CloseSend()
	}
	for err == nil {
		err = stream.RecvMsg(new([]byte))
	}
	switch code := status.Code(err); {
	case errors.Is(err, io.EOF):
		return codes.OK.String(), nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case code == codes.Unavailable:
		return "", i.process.explain(ctx, "answer", err)
	default:
		return code.String(), nil
	}
}

func (i *Inspection) connection() (*grpc.ClientConn, error) {
	protocol, err := i.process.client.Client()
	if err != nil {
		return nil, err
	}
	client, ok := protocol.(*plugin.GRPCClient)
	if !ok {
		return nil, errors.New("the plugin does not speak gRPC")
	}
	return client.Conn, nil
}

// verbatim passes messages on as the bytes that they are.
type verbatim struct{}

var _ encoding.Codec = verbatim{}

// Marshal implements encoding.Codec.
func (verbatim) Marshal(v any) ([]byte, error) { return v.([]byte), nil }

// Unmarshal implements encoding.Codec.
func (verbatim) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(b)
	return nil
}

// Name implements encoding.Codec. Plugins see the usual content type.
func (verbatim) Name() string { return "proto" }
