package sdk

import (
	"sync"
	"time"
)

// reportInterval is the least time between two sendings of reports. It is
// below what people see as a jump.
const reportInterval = 50 * time.Millisecond

// maxPhases bounds what waits to be sent.
const maxPhases = 64

// reporter sends reports of progress to a client that may be slow. Reporting
// never waits for the client: of the reports on one phase that come between
// two sendings only the last is sent, and Done never goes back.
type reporter struct {
	send func(Report) error
	wake chan struct{}
	quit chan struct{}
	idle chan struct{}

	mu      sync.Mutex
	pending []Report
	done    map[string]int
}

// newReporter starts a reporter. The function send is called from one
// goroutine, and not after close.
func newReporter(send func(Report) error) *reporter {
	r := &reporter{
		send: send,
		wake: make(chan struct{}, 1),
		quit: make(chan struct{}),
		idle: make(chan struct{}),
		done: map[string]int{},
	}
	go r.run()
	return r
}

// report is a Progress.
func (r *reporter) report(report Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(report)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reporter) add(report Report) {
	if report.Total > 0 {
		report.Done = min(report.Done, report.Total)
	}
	report.Done = max(report.Done, r.done[report.Phase])
	r.done[report.Phase] = report.Done
	for i := range r.pending {
		if r.pending[i].Phase == report.Phase {
			r.pending[i] = report
			return
		}
	}
	if len(r.pending) < maxPhases {
		r.pending = append(r.pending, report)
	}
}

// close sends what is pending and ends the reporter. Later reports are lost.
func (r *reporter) close() {
	close(r.quit)
	<-r.idle
}

func (r *reporter) run() {
	defer close(r.idle)
	for {
		select {
		case <-r.wake:
		case <-r.quit:
			r.flush()
			return
		}
		if !r.flush() {
			return
		}
		select {
		case <-time.After(reportInterval):
		case <-r.quit:
			r.flush()
			return
		}
	}
}

// flush returns false when nobody takes reports any more.
func (r *reporter) flush() bool {
	r.mu.Lock()
	list := r.pending
	r.pending = nil
	r.mu.Unlock()
	for _, report := range list {
		if r.send(report) != nil {
			return false
		}
	}
	return true
}
