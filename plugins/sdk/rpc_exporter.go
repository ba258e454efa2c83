package sdk

import (
	"context"

	"google.golang.org/grpc"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// exporterServer serves an Exporter in the plugin.
type exporterServer struct {
	pluginv1.UnimplementedExporterServer
	impl  Exporter
	calls *calls
}

var _ pluginv1.ExporterServer = (*exporterServer)(nil)

func (s *exporterServer) Describe(client context.Context, _ *pluginv1.DescribeExporterRequest) (*pluginv1.DescribeExporterResponse, error) {
	ctx, leave, err := s.calls.enter(client)
	if err != nil {
		return nil, err
	}
	defer leave()
	info, err := s.impl.Describe(ctx)
	if err != nil {
		return &pluginv1.DescribeExporterResponse{
			Outcome: &pluginv1.DescribeExporterResponse_Failure{Failure: failureToProto(err)},
		}, s.calls.fail(client)
	}
	return &pluginv1.DescribeExporterResponse{
		Outcome: &pluginv1.DescribeExporterResponse_Info{Info: exporterInfoToProto(info)},
	}, nil
}

func (s *exporterServer) Export(req *pluginv1.ExportRequest, stream grpc.ServerStreamingServer[pluginv1.ExportEvent]) error {
	ctx, leave, err := s.calls.enter(stream.Context())
	if err != nil {
		return err
	}
	defer leave()
	reports := newReporter(func(r Report) error {
		return stream.Send(&pluginv1.ExportEvent{Event: &pluginv1.ExportEvent_Report{Report: reportToProto(r)}})
	})
	result, err := s.impl.Export(ctx, exportRequestFromProto(req), reports.report)
	reports.close()
	if err == nil {
		return stream.Send(&pluginv1.ExportEvent{Event: &pluginv1.ExportEvent_Result{Result: exportResultToProto(result)}})
	}
	if err := s.calls.fail(stream.Context()); err != nil {
		return err
	}
	return stream.Send(&pluginv1.ExportEvent{Event: &pluginv1.ExportEvent_Failure{Failure: failureToProto(err)}})
}

// exporterClient is an Exporter in the host.
type exporterClient struct {
	rpc       pluginv1.ExporterClient
	caller    caller
	abilities abilityClient
}

var (
	_ Exporter  = (*exporterClient)(nil)
	_ Validator = (*exporterClient)(nil)
)

func newExporterClient(conn *grpc.ClientConn) *exporterClient {
	return &exporterClient{
		rpc: pluginv1.NewExporterClient(conn), caller: newCaller(conn),
		abilities: newAbilityClient(conn, KindExporter),
	}
}

// Validate accepts everything if the plugin is no [Validator].
func (c *exporterClient) Validate(ctx context.Context, req ValidateRequest) error {
	return c.abilities.Validate(ctx, req)
}

func (c *exporterClient) Describe(ctx context.Context) (info ExporterInfo, err error) {
	err = c.caller.run(ctx, func(ctx context.Context) error {
		response, err := c.rpc.Describe(ctx, &pluginv1.DescribeExporterRequest{})
		if err != nil {
			return err
		}
		if response.GetInfo() == nil {
			return failureFromProto(response.GetFailure())
		}
		info = exporterInfoFromProto(response.GetInfo())
		return nil
	})
	return info, err
}

func (c *exporterClient) Export(ctx context.Context, req ExportRequest, progress Progress) (result ExportResult, err error) {
	err = c.caller.run(ctx, func(ctx context.Context) error {
		stream, err := c.rpc.Export(ctx, exportRequestToProto(req))
		if err != nil {
			return err
		}
		return receive(stream, func(event *pluginv1.ExportEvent) (bool, error) {
			switch {
			case event.GetResult() != nil:
				result = exportResultFromProto(event.GetResult())
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
