package alarm

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	cw "slipway/api/cloudwatch"
)

// Unchecked is the reason of an alarm that was not evaluated yet.
const Unchecked = "Unchecked: Initial alarm creation"

// Reason words an evaluation as CloudWatch does.
func (r Rule) Reason(e Evaluation, from cw.StateValue) string {
	if e.State == cw.StateValueInsufficientData {
		return fmt.Sprintf("Insufficient Data: %s.",
			plural(r.Periods-len(e.Evaluated), "datapoint was unknown", "datapoints were unknown"))
	}
	treated := ""
	if e.Filled > 0 && (r.Missing == Breaching || r.Missing == NotBreaching) {
		name := "Breaching"
		if r.Missing == NotBreaching {
			name = "NonBreaching"
		}
		treated = fmt.Sprintf("%s treated as [%s]",
			plural(e.Filled, "missing datapoint was", "missing datapoints were"), name)
	}
	if len(e.Evaluated) == 0 {
		return fmt.Sprintf("Threshold Crossed: no datapoints were received for %s and %s.",
			plural(r.Periods, "period", "periods"), treated)
	}
	counted := e.Breaching
	if e.State == cw.StateValueOk {
		counted = len(e.Evaluated) - e.Breaching
	}
	var list []string
	for _, p := range e.Evaluated {
		if r.Breaches(p.Value) == (e.State == cw.StateValueAlarm) {
			list = append(list, fmt.Sprintf("%s (%s)", number(p.Value), p.Time.UTC().Format("02/01/06 15:04:05")))
		}
	}
	verb, not := "were", ""
	if counted == 1 {
		verb = "was"
	}
	if e.State == cw.StateValueOk {
		not = "not "
	}
	text := fmt.Sprintf("Threshold Crossed: %d out of the last %d datapoints [%s] %s %s%s the threshold (%s)", counted,
		len(e.Evaluated), strings.Join(list, ", "), verb, not,
		comparison(r.Operator), number(r.Threshold))
	if treated != "" {
		text += " and " + treated
	}
	needed := r.ToAlarm
	if e.State == cw.StateValueOk {
		needed = r.Periods - r.ToAlarm + 1
	}
	return text +
		fmt.Sprintf(" (minimum %s for %s -> %s transition).", plural(needed, "datapoint", "datapoints"), from, e.State)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// number writes 1 as 1.0, as CloudWatch does.
func number(v float64) string {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func comparison(o cw.ComparisonOperator) string {
	switch o {
	case cw.ComparisonOperatorGreaterThanThreshold:
		return "greater than"
	case cw.ComparisonOperatorGreaterThanOrEqualToThreshold:
		return "greater than or equal to"
	case cw.ComparisonOperatorLessThanThreshold:
		return "less than"
	}
	return "less than or equal to"
}

const reasonTime = "2006-01-02T15:04:05.000-0700"

// Data is the reason as JSON, as CloudWatch gives it to machines.
func (r Rule) Data(e Evaluation, statistic string, now time.Time) string {
	type point struct {
		Timestamp string  `json:"timestamp"`
		Value     float64 `json:"value"`
	}
	data := struct {
		Version   string    `json:"version"`
		QueryDate string    `json:"queryDate"`
		StartDate string    `json:"startDate,omitzero"`
		Statistic string    `json:"statistic,omitzero"`
		Period    int       `json:"period"`
		Recent    []float64 `json:"recentDatapoints"`
		Threshold float64   `json:"threshold"`
		Evaluated []point   `json:"evaluatedDatapoints,omitzero"`
	}{
		Version:   "1.0",
		QueryDate: now.UTC().Format(reasonTime),
		Statistic: statistic,
		Period:    int(r.Period.Seconds()),
		Recent:    []float64{},
		Threshold: r.Threshold,
	}
	for _, p := range e.Evaluated {
		data.StartDate = p.Time.UTC().Format(reasonTime)
		data.Recent = append([]float64{p.Value}, data.Recent...)
		data.Evaluated = append(data.Evaluated, point{data.StartDate, p.Value})
	}
	text, err := json.Marshal(data)
	if err != nil { // a number that is none
		return "{}"
	}
	return string(text)
}
