// What a history is made of, and what may be left out of it without changing the verdict.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sort"
)

// call is one line of the recording: one call of one client on one register.
type call struct {
	Process      string  `json:"process"`
	Key          string  `json:"key"`
	Op           string  `json:"op"`
	Expect       *string `json:"expect"`
	Value        *string `json:"value"`
	Seen         *string `json:"seen"`
	Result       string  `json:"result"`
	InvokedAtNs  int64   `json:"invokedAtNs"`
	ReturnedAtNs *int64  `json:"returnedAtNs"`
}

const never = int64(math.MaxInt64)

// effect is a call as the checker needs it. A call of unknown outcome may take effect at any time after it was invoked:
// it returns never.
type effect struct {
	process  string
	isCas    bool
	expect   string
	value    string // what a cas writes, what a read returned
	seen     string // what a failed cas says that it met
	hasSeen  bool
	result   string
	call     int64
	returned int64
}

func toEffect(c call) (effect, error) {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	e := effect{process: c.Process, isCas: c.Op == "cas", expect: text(c.Expect), value: text(c.Value), seen: text(c.Seen), hasSeen: c.Seen != nil, result: c.Result, call: c.InvokedAtNs, returned: never}
	switch {
	case c.Key == "" || (c.Op != "cas" && c.Op != "read"):
		return e, fmt.Errorf("a call has a key and an op, 'cas' or 'read'")
	case c.Op == "cas" && (c.Expect == nil || c.Value == nil):
		return e, fmt.Errorf("a cas has an expect and a value")
	case c.Result != "ok" && c.Result != "unknown" && (c.Result != "fail" || c.Op == "read"):
		return e, fmt.Errorf("result '%s' of a %s is none of ok, fail (of a cas), unknown", c.Result, c.Op)
	case c.Op == "read" && c.Result == "ok" && c.Value == nil:
		return e, fmt.Errorf("a read that is ok has the value that it read")
	case c.Result == "unknown":
		return e, nil
	case c.ReturnedAtNs == nil || *c.ReturnedAtNs < c.InvokedAtNs:
		return e, fmt.Errorf("a call whose outcome is known returned, and not before it was invoked")
	}
	e.returned = *c.ReturnedAtNs
	return e, nil
}

// readHistories returns the calls of each key, ordered by their beginning.
func readHistories(path string) (map[string][]effect, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	histories := map[string][]effect{}
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<16), 1<<24)
	for number := 1; lines.Scan(); number++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("%s:%d is not a call: %w", path, number, err)
		}
		e, err := toEffect(c)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		histories[c.Key] = append(histories[c.Key], e)
	}
	for _, history := range histories {
		sort.SliceStable(history, func(a, b int) bool { return history[a].call < history[b].call })
	}
	return histories, lines.Err()
}

// prefix is the history as it was known at an instant: what was not invoked yet is not in it, what had not returned is unknown.
func prefix(history []effect, until int64) []effect {
	var known []effect
	for _, e := range history {
		if e.call > until {
			break
		}
		if e.returned > until {
			e.result, e.returned = "unknown", never
		}
		known = append(known, e)
	}
	return known
}

// constraints drops the reads that say nothing.
func constraints(history []effect) []effect {
	var kept []effect
	for _, e := range history {
		if e.isCas || e.result == "ok" {
			kept = append(kept, e)
		}
	}
	return kept
}

// settle decides every cas of unknown outcome, where that changes no verdict; it says false where it cannot.
//
// Each value is written by one cas only. So a cas of unknown outcome whose value somebody met took effect. And one whose value
// nobody ever met may be left out: had it taken effect, nothing could follow it but calls of which nobody knows the outcome
// either, and those may be left out with it.
func settle(history []effect, initial string) ([]effect, bool) {
	writers := map[string]int{initial: -1}
	for i, e := range history {
		if !e.isCas {
			continue
		}
		// A failed compare that does not say what it met may have met any of them.
		if _, isTwice := writers[e.value]; isTwice || (e.result == "fail" && !e.hasSeen) {
			return nil, false
		}
		writers[e.value] = i
	}
	settled := append([]effect(nil), history...)
	var observers []effect
	for _, e := range settled {
		if e.result != "unknown" {
			observers = append(observers, e)
		}
	}
	for len(observers) > 0 {
		met := observers[len(observers)-1].met()
		observers = observers[:len(observers)-1]
		writer, isWritten := writers[met]
		if !isWritten || writer < 0 || settled[writer].result != "unknown" {
			continue
		}
		settled[writer].result = "ok"
		observers = append(observers, settled[writer])
	}
	var kept []effect
	for _, e := range settled {
		if e.result != "unknown" {
			kept = append(kept, e)
		}
	}
	return kept, true
}

// met is the value that a call of known outcome found.
func (e effect) met() string {
	switch {
	case !e.isCas:
		return e.value
	case e.result == "fail":
		return e.seen
	default:
		return e.expect
	}
}
