package sdk

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// collect returns what a reporter sends for reports that come at once.
func collect(t *testing.T, reports ...Report) []Report {
	t.Helper()
	var got []Report
	r := newReporter(func(report Report) error {
		got = append(got, report)
		return nil
	})
	for _, report := range reports {
		r.report(report)
	}
	r.close()
	return got
}

func last(list []Report) Report {
	if len(list) == 0 {
		return Report{}
	}
	return list[len(list)-1]
}

func TestReporterSendsTheLast(t *testing.T) {
	var reports []Report
	for i := range 1000 {
		reports = append(reports, Report{Phase: "compile", Done: i + 1, Total: 1000})
	}
	got := collect(t, reports...)
	if len(got) > 500 {
		t.Errorf("sent %d of 1000 reports at once", len(got))
	}
	if diff := cmp.Diff(reports[999], last(got)); diff != "" {
		t.Errorf("last report (-want +got):\n%s", diff)
	}
}

func TestReporterIsMonotone(t *testing.T) {
	got := collect(t, Report{Phase: "a", Done: 7, Total: 9}, Report{Phase: "a", Done: 3, Total: 9})
	if last(got).Done != 7 {
		t.Errorf("went back to %d", last(got).Done)
	}
	got = collect(t, Report{Phase: "a", Done: 12, Total: 9})
	if last(got).Done != 9 {
		t.Errorf("got %d of 9", last(got).Done)
	}
}

func TestReporterKeepsPhases(t *testing.T) {
	got := collect(t, Report{Phase: "configure"}, Report{Phase: "compile"}, Report{Phase: "link"})
	var phases []string
	for _, report := range got {
		phases = append(phases, report.Phase)
	}
	if diff := cmp.Diff([]string{"configure", "compile", "link"}, phases); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
}

// A client that takes nothing must not hold up the work.
func TestReporterNeverBlocks(t *testing.T) {
	release := make(chan struct{})
	r := newReporter(func(Report) error { <-release; return nil })
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for i := range 200 {
				r.report(Report{Phase: string(rune('a' + i)), Done: i})
			}
		})
	}
	workers.Wait()
	close(release)
	r.close()
	r.report(Report{Phase: "late"})
}

func TestReporterStopsWhenTheClientIsGone(t *testing.T) {
	sent := 0
	r := newReporter(func(Report) error { sent++; return errors.New("gone") })
	r.report(Report{Phase: "a"})
	<-r.idle
	r.report(Report{Phase: "b"})
	r.close()
	if sent != 1 {
		t.Errorf("sent %d reports to a client that is gone", sent)
	}
}
