// A compare-and-set register, as porcupine wants it.
package main

import (
	"fmt"
	"math"

	"github.com/anishathalye/porcupine"
)

// step gives the values that the register may have after the call; none where the call cannot have been answered so.
func step(state string, e effect) []string {
	isEqual := state == e.expect
	switch {
	case !e.isCas && state == e.value:
		return []string{state}
	case !e.isCas:
		return nil
	case e.result == "ok" && isEqual:
		return []string{e.value}
	case e.result == "fail" && !isEqual && (!e.hasSeen || e.seen == state):
		return []string{state}
	case e.result == "unknown" && isEqual:
		return []string{state, e.value}
	case e.result == "unknown":
		return []string{state}
	default:
		return nil
	}
}

func describe(input, _ interface{}) string {
	e := input.(effect)
	switch {
	case !e.isCas:
		return fmt.Sprintf("read → %s", e.value)
	case e.result == "fail":
		return fmt.Sprintf("cas(%s, %s) → fail, saw %s", e.expect, e.value, e.seen)
	default:
		return fmt.Sprintf("cas(%s, %s) → %s", e.expect, e.value, e.result)
	}
}

func describeState(state interface{}) string { return fmt.Sprint(state) }

// plainModel lets a cas of unknown outcome take effect or not. Right for every history, and slow where many are unknown.
func plainModel(initial string) porcupine.Model {
	nondeterministic := porcupine.NondeterministicModel{
		Init: func() []interface{} { return []interface{}{initial} },
		Step: func(state, input, _ interface{}) []interface{} {
			var next []interface{}
			for _, value := range step(state.(string), input.(effect)) {
				next = append(next, value)
			}
			return next
		},
		DescribeOperation: describe,
	}
	return nondeterministic.ToModel()
}

// settledModel is for histories without an unknown outcome.
func settledModel(initial string) porcupine.Model {
	return porcupine.Model{
		Init: func() interface{} { return initial },
		Step: func(state, input, _ interface{}) (bool, interface{}) {
			next := step(state.(string), input.(effect))
			if len(next) == 0 {
				return false, state
			}
			return true, next[0]
		},
		DescribeOperation: describe,
		DescribeState:     describeState,
	}
}

func toOperations(history []effect) []porcupine.Operation {
	last := int64(0)
	clients := map[string]int{}
	for _, e := range history {
		last = max(last, e.call)
		if e.returned != never {
			last = max(last, e.returned)
		}
		if _, isKnown := clients[e.process]; !isKnown {
			clients[e.process] = len(clients)
		}
	}
	operations := make([]porcupine.Operation, 0, len(history))
	for _, e := range history {
		// After everything else, and still a time that a picture can show.
		returned := min(e.returned, min(last, math.MaxInt64-1)+1)
		operations = append(operations, porcupine.Operation{ClientId: clients[e.process], Input: e, Call: e.call, Output: e.result, Return: returned})
	}
	return operations
}
