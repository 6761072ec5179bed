package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// model is a service model in the form of api-2.json.
type model struct {
	Metadata struct {
		ServiceID    string `json:"serviceId"`
		Endpoint     string `json:"endpointPrefix"`
		SigningName  string `json:"signingName"`
		TargetPrefix string `json:"targetPrefix"`
		Protocol     string `json:"protocol"`
		Namespace    string `json:"xmlNamespace"`
		Version      string `json:"apiVersion"`
		JSONVersion  string `json:"jsonVersion"`
	} `json:"metadata"`
	Operations map[string]*operation `json:"operations"`
	Shapes     map[string]*shape     `json:"shapes"`
}

type ref struct {
	Shape    string `json:"shape"`
	Location string `json:"locationName"`
	Query    string `json:"queryName"`
}

type operation struct {
	Name   string `json:"name"`
	Input  *ref   `json:"input"`
	Output *ref   `json:"output"`
	Errors []ref  `json:"errors"`
}

type shape struct {
	Type      string   `json:"type"`
	Members   members  `json:"members"`
	Required  []string `json:"required"`
	Optional  []string `json:"optional"` // of an overlay: no longer required
	Member    *ref     `json:"member"`
	Key       *ref     `json:"key"`
	Value     *ref     `json:"value"`
	Enum      []string `json:"enum"`
	Pattern   string   `json:"pattern"`
	Min       *float64 `json:"min"`
	Max       *float64 `json:"max"`
	Exception bool     `json:"exception"`
	Error     *struct {
		Code   string `json:"code"`
		Status int    `json:"httpStatusCode"`
	} `json:"error"`
}

// members keeps the order of the model, which is the order in which AWS reports.
type members []member

type member struct {
	Name  string
	Shape string
	// Location and Query are the member's names on the wire in the protocol ec2: in answers and in requests.
	Location, Query string
}

func (m *members) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var r ref
		if err := d.Decode(&r); err != nil {
			return err
		}
		*m = append(*m, member{Name: name.(string), Shape: r.Shape, Location: r.Location, Query: r.Query})
	}
	return nil
}

func load(path string) (*model, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := new(model)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}
