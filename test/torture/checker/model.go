// A compare-and-set register, as porcupine wants it.
package main

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// step says whether a register that holds `state` can have answered so, and what it holds afterwards. A cas of unknown outcome
// never returned, so one that took no effect can always be put after everything else: it needs no second branch.
func step(state string, e effect) (bool, string) {
	isEqual := state == e.expect
	switch {
	case !e.isCas:
		return state == e.value, state
	case e.result == "fail":
		return !isEqual && (!e.hasSeen || e.seen == state), state
	case e.result == "unknown" && !isEqual:
		return true, state
	default:
		return isEqual, e.value
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

func modelOf(initial string) porcupine.Model {
	return porcupine.Model{
		Init: func() interface{} { return initial },
		Step: func(state, input, _ interface{}) (bool, interface{}) {
			return step(state.(string), input.(effect))
		},
		DescribeOperation: describe,
		DescribeState:     func(state interface{}) string { return fmt.Sprint(state) },
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
		returned := min(e.returned, last+1)
		operations = append(operations, porcupine.Operation{ClientId: clients[e.process], Input: e, Call: e.call, Output: e.result, Return: returned})
	}
	return operations
}
