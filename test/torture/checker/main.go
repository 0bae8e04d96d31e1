// Judges recorded histories of compare-and-set registers by porcupine, each register by itself.
//
//	checker [-plain] [-initial VALUE] [-pictures DIRECTORY] [-timeout DURATION] FILE
//
// One JSON line for each register: {"key","calls","answered","verdict":"linearizable|violated|undecided"}, and where it is violated
// also its shortest bad prefix: how many calls had begun, and which call's answer could not be explained any more. Exit 1 unless all
// are linearizable, 2 where the file is no recording.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

type verdict struct {
	Key         string `json:"key"`
	Calls       int    `json:"calls"`
	Answered    int    `json:"answered"`
	Verdict     string `json:"verdict"`
	PrefixCalls int    `json:"prefixCalls,omitempty"`
	LastCall    string `json:"lastCall,omitempty"`
	LastProcess string `json:"lastProcess,omitempty"`
	LastAtNs    int64  `json:"lastAtNs,omitempty"`
	Picture     string `json:"picture,omitempty"`
}

type options struct {
	isPlain  bool
	initial  string
	pictures string
	timeout  time.Duration
}

func (o options) check(history []effect) (porcupine.CheckResult, porcupine.LinearizationInfo) {
	relevant := constraints(history)
	if settled, isSettled := settle(relevant, o.initial); isSettled && !o.isPlain {
		relevant = settled
	}
	return porcupine.CheckOperationsVerbose(modelOf(o.initial), toOperations(relevant), o.timeout)
}

func (o options) judge(key string, history []effect) verdict {
	v := verdict{Key: key, Calls: len(history)}
	var ends []effect
	for _, e := range history {
		if e.returned != never {
			v.Answered++
			ends = append(ends, e)
		}
	}
	result, _ := o.check(history)
	switch result {
	case porcupine.Ok:
		v.Verdict = "linearizable"
	case porcupine.Unknown:
		v.Verdict = "undecided"
	default:
		v.Verdict = "violated"
		o.shorten(&v, history, ends)
	}
	return v
}

// shorten finds the first answer that no order explains: every prefix of a linearizable history is linearizable.
func (o options) shorten(v *verdict, history []effect, ends []effect) {
	sort.SliceStable(ends, func(a, b int) bool { return ends[a].returned < ends[b].returned })
	first := sort.Search(len(ends)-1, func(i int) bool {
		result, _ := o.check(prefix(history, ends[i].returned))
		return result == porcupine.Illegal
	})
	last := ends[first]
	bad := prefix(history, last.returned)
	v.PrefixCalls, v.LastCall, v.LastProcess, v.LastAtNs = len(bad), describe(last, nil), last.process, last.returned
	if o.pictures == "" {
		return
	}
	_, info := o.check(bad)
	path := filepath.Join(o.pictures, v.Key+".html")
	if err := os.MkdirAll(o.pictures, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	if err := porcupine.VisualizePath(modelOf(o.initial), info, path); err != nil {
		fmt.Fprintf(os.Stderr, "no picture of %s: %v\n", v.Key, err)
		return
	}
	v.Picture = path
}

func main() {
	var o options
	flag.BoolVar(&o.isPlain, "plain", false, "leave calls of unknown outcome open, also where they can be decided beforehand")
	flag.StringVar(&o.initial, "initial", "00000000000000000000000000000000", "what every register holds at first")
	flag.StringVar(&o.pictures, "pictures", "", "directory for one page for each violated register")
	flag.DurationVar(&o.timeout, "timeout", 2*time.Minute, "for one register")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	histories, err := readHistories(flag.Arg(0))
	if err == nil && len(histories) == 0 {
		err = fmt.Errorf("%s holds no call", flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !o.judgeAll(histories) {
		os.Exit(1)
	}
}

func (o options) judgeAll(histories map[string][]effect) bool {
	keys := make([]string, 0, len(histories))
	for key := range histories {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	verdicts := make([]verdict, len(keys))
	var pending sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, key := range keys {
		pending.Add(1)
		slots <- struct{}{}
		go func() {
			defer pending.Done()
			verdicts[i] = o.judge(key, histories[key])
			<-slots
		}()
	}
	pending.Wait()
	isSound := true
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for _, v := range verdicts {
		isSound = isSound && v.Verdict == "linearizable"
		if err := out.Encode(v); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return false
		}
	}
	return isSound
}
