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

// exportEvents are the messages of Export.
var exportEvents = events[ExportResult, pluginv1.ExportEvent]{
	report: func(r *pluginv1.Report) *pluginv1.ExportEvent {
		return &pluginv1.ExportEvent{Event: &pluginv1.ExportEvent_Report{Report: r}}
	},
	result: func(r ExportResult) *pluginv1.ExportEvent {
		return &pluginv1.ExportEvent{Event: &pluginv1.ExportEvent_Result{Result: exportResultToProto(r)}}
	},
	failure: func(f *pluginv1.Failure) *pluginv1.ExportEvent {
		return &pluginv1.ExportEvent{Event: &pluginv1.ExportEvent_Failure{Failure: f}}
	},
}

func (s *exporterServer) Export(req *pluginv1.ExportRequest, stream grpc.ServerStreamingServer[pluginv1.ExportEvent]) error {
	return exportEvents.serve(s.calls, stream, func(ctx context.Context, progress Progress) (ExportResult, error) {
		return s.impl.Export(ctx, exportRequestFromProto(req), progress)
	})
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
		response, err := receive[pluginv1.ExportResult](stream, progress)
		if err == nil {
			result = exportResultFromProto(response)
		}
		return err
	})
	return result, err
}
