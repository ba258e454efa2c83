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

func (s *libcServer) BuildLibc(req *pluginv1.LibcRequest, stream grpc.ServerStreamingServer[pluginv1.LibcEvent]) error {
	ctx, leave, err := s.calls.enter(stream.Context())
	if err != nil {
		return err
	}
	defer leave()
	reports := newReporter(func(r Report) error {
		return stream.Send(&pluginv1.LibcEvent{Event: &pluginv1.LibcEvent_Report{Report: reportToProto(r)}})
	})
	result, err := s.impl.BuildLibc(ctx, libcRequestFromProto(req), reports.report)
	reports.close()
	if err == nil {
		return stream.Send(&pluginv1.LibcEvent{Event: &pluginv1.LibcEvent_Result{Result: libcResultToProto(result)}})
	}
	if err := s.calls.fail(stream.Context()); err != nil {
		return err
	}
	return stream.Send(&pluginv1.LibcEvent{Event: &pluginv1.LibcEvent_Failure{Failure: failureToProto(err)}})
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
		return receive(stream, func(event *pluginv1.LibcEvent) (bool, error) {
			switch {
			case event.GetResult() != nil:
				result = libcResultFromProto(event.GetResult())
				return true, nil
			case event.GetFailure() != nil:
				return true, failureFromProto(event.GetFailure())
			case event.GetReport() != nil && progress != nil:
				progress(reportFromProto(event.GetReport()))
			}
			return false, nil
		})
	})
	return result, err
}
