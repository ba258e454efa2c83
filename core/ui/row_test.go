package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/event"
)

func TestRowDraw(t *testing.T) {
	began := newDial().now()
	compile := task{step: "busybox", phase: "compile", amount: "283/566", done: 283, total: 566, message: "libbb/a.c", began: began}
	probe := task{step: "toolchain", phase: "probe", message: "static hello", began: began}
	waiting := task{step: "export docker", message: "another run", waiting: true, others: 1, began: began}
	tests := []struct {
		name  string
		task  task
		limit int
		want  string
	}{
		{"idle", task{}, 80, "aarch64  waiting"},
		{"wide", compile, 120, "aarch64  busybox compile           [==================>                   ]   0:41  283/566"},
		{"80", compile, 80, "aarch64  busybox compile           [==========>          ]   0:41  283/566"},
		{"60", compile, 60, "aarch64  busybox compile   [====>    ]   0:41  283/566"},
		{"no room for a bar", compile, 50, "aarch64  busybox compile            0:41  283/566"},
		{"a short label", compile, 34, "aarch64  busybox..   0:41  283/566"},
		{"no label", compile, 30, "aarch64  0:41  283/566"},
		{"hardly anything", compile, 12, "aarch64  0.."},
		{"message", probe, 80, "aarch64  toolchain probe           static hello              0:00"},
		{"waiting", waiting, 80, "aarch64  export docker +1          waiting: another run      0:00"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now := began
			if test.task.done > 0 {
				now = began.Add(41 * time.Second)
			}
			r := newRow("aarch64", Screen{}, func() time.Time { return now })
			got := r.draw(test.task, widths{7, 16}, test.limit, r.style.Build())
			if strings.TrimRight(got, " ") != test.want {
				t.Errorf("row is\n%q, want\n%q", got, test.want)
			}
		})
	}
}

func TestRowNeverWraps(t *testing.T) {
	began := newDial().now()
	r := newRow("loongarch64", Screen{}, func() time.Time { return began.Add(3 * time.Hour) })
	for _, one := range []task{
		{},
		{step: "busybox", phase: "编译系统", amount: "566/566", done: 566, total: 566},
		{step: "busybox", phase: "compile", amount: "999/566", done: 999, total: 566},
		{step: "busybox", phase: "compile", done: -1, total: 566},
		{step: "fetch", phase: "download", amount: "1000.20/1021.40 KiB", done: 1, total: 2, others: 3},
		{step: strings.Repeat("长", 40), message: strings.Repeat("名", 40), waiting: true},
	} {
		one.began = began
		for limit := range 200 {
			if got := r.draw(one, widths{11, 24}, limit, r.style.Build()); width(got) > limit {
				t.Fatalf("%+v takes %d of %d cells: %q", one, width(got), limit, got)
			}
		}
	}
}

func TestRowShowsLatestStep(t *testing.T) {
	r := newRow("sw64", Screen{}, time.Now)
	steps := func() (string, int) { s := r.shown.Load(); return s.step, s.others }
	r.run(event.Event{Kind: event.Start, Step: "export docker"})
	r.run(event.Event{Kind: event.Start, Step: "export rootfs"})
	r.run(event.Event{Kind: event.Progress, Step: "export docker"})
	if step, others := steps(); step != "export rootfs" || others != 1 {
		t.Errorf("two steps run, and it shows %q and %d others", step, others)
	}
	r.end("export rootfs")
	if step, others := steps(); step != "export docker" || others != 0 {
		t.Errorf("one step is left, and it shows %q and %d others", step, others)
	}
	r.end("export docker")
	if step, _ := steps(); step != "" || !r.idle() {
		t.Errorf("no step is left, and it shows %q", step)
	}
}
