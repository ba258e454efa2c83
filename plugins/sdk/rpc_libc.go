package sdk

import (
	"context"

	"google.golang.org/grpc"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// libcServer serves a LibcBuilder in the plugin.
type libcServer struct {
	pluginv1.UnimplementedLibcBuilderServer
	impl  LibcBuilder
	calls *calls
}

var _ pluginv1.LibcBuilderServer = (*libcServer)(nil)

// libcEvents are the messages of BuildLibc.
var libcEvents = events[LibcResult, pluginv1.LibcEvent]{
	report: func(r *pluginv1.Report) *pluginv1.LibcEvent {
		return &pluginv1.LibcEvent{Event: &pluginv1.LibcEvent_Report{Report: r}}
	},
	result: func(r LibcResult) *pluginv1.LibcEvent {
		return &pluginv1.LibcEvent{Event: &pluginv1.LibcEvent_Result{Result: libcResultToProto(r)}}
	},
	failure: func(f *pluginv1.Failure) *pluginv1.LibcEvent {
		return &pluginv1.LibcEvent{Event: &pluginv1.LibcEvent_Failure{Failure: f}}
	},
}

func (s *libcServer) BuildLibc(req *pluginv1.LibcRequest, stream grpc.ServerStreamingServer[pluginv1.LibcEvent]) error {
	return libcEvents.serve(s.calls, stream, func(ctx context.Context, progress Progress) (LibcResult, error) {
		return s.impl.BuildLibc(ctx, libcRequestFromProto(req), progress)
	})
}

var _ LibcBuilder = (*toolchainClient)(nil)

// BuildLibc fails with the gRPC status Unimplemented if the plugin is no
// LibcBuilder.
func (c *toolchainClient) BuildLibc(ctx context.Context, req LibcRequest, progress Progress) (result LibcResult, err error) {
	err = c.caller.run(ctx, func(ctx context.Context) error {
		stream, err := c.libc.BuildLibc(ctx, libcRequestToProto(req))
		if err != nil {
			return err
		}
		response, err := receive[pluginv1.LibcResult](stream, progress)
		if err == nil {
			result = libcResultFromProto(response)
		}
		return err
	})
	return result, err
}
