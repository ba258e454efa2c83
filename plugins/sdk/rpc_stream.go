package sdk

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// events makes the messages E of a stream: reports, and at the end a result R
// or a failure.
type events[R, E any] struct {
	report  func(*pluginv1.Report) *E
	result  func(R) *E
	failure func(*pluginv1.Failure) *E
}

// serve makes a call in the plugin and streams how it goes and how it ends.
func (ev events[R, E]) serve(calls *calls, stream grpc.ServerStreamingServer[E], call func(context.Context, Progress) (R, error)) error {
	ctx, leave, err := calls.enter(stream.Context())
	if err != nil {
		return err
	}
	defer leave()
	reports := newReporter(func(r Report) error { return stream.Send(ev.report(reportToProto(r))) })
	result, err := call(ctx, reports.report)
	reports.close()
	if err == nil {
		return stream.Send(ev.result(result))
	}
	if err := calls.fail(stream.Context()); err != nil {
		return err
	}
	return stream.Send(ev.failure(failureToProto(err)))
}

// event is a message of a stream whose results are of type R.
type event[R any] interface {
	GetReport() *pluginv1.Report
	GetResult() *R
	GetFailure() *pluginv1.Failure
}

// errNoResult means that a plugin broke the protocol.
var errNoResult = errors.New("the plugin ended the call without a result")

// receive hands on the reports of a stream and returns its result, or the
// failure as an error. A nil progress is none.
func receive[R, E any, P interface {
	*E
	event[R]
}](stream grpc.ServerStreamingClient[E], progress Progress) (*R, error) {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, errNoResult
		}
		if err != nil {
			return nil, err
		}
		e := P(message)
		switch {
		case e.GetResult() != nil:
			return e.GetResult(), nil
		case e.GetFailure() != nil:
			return nil, failureFromProto(e.GetFailure())
		case e.GetReport() != nil && progress != nil:
			progress(reportFromProto(e.GetReport()))
		}
	}
}
