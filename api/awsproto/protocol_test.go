package awsproto_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkcw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	sdkcwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"github.com/fxamacker/cbor/v2"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	cw "slipway/api/cloudwatch"
)

// metrics are operations of CloudWatch, which is asked in three protocols.
type metrics struct {
	cw.Unimplemented
	put *cw.PutMetricDataInput
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 500e6, time.UTC)

func (*metrics) GetMetricStatistics(_ context.Context,
	in *cw.GetMetricStatisticsInput) (*cw.GetMetricStatisticsOutput, error) {
	if *in.MetricName == "none" {
		return nil, &cw.InvalidParameterValueException{Message: "there is no such metric"}
	}
	return &cw.GetMetricStatisticsOutput{Label: in.MetricName,
		Datapoints: []cw.Datapoint{{Timestamp: in.StartTime, Average: new(0.25), Sum: new(3.0), Unit: "Seconds",
			ExtendedStatistics: map[string]float64{"p99": 1.5}}}}, nil
}

func (m *metrics) PutMetricData(_ context.Context, in *cw.PutMetricDataInput) (*cw.PutMetricDataOutput, error) {
	m.put = in
	return nil, nil
}

func TestCBORWithTheSDK(t *testing.T) {
	t.Parallel()
	m := &metrics{}
	client := sdkcw.NewFromConfig(config(serve(t, time.Now, cw.New(awsproto.Hooks{}, m)), keyID, secret, "eu-west-1"))
	ask := func(metric string) (*sdkcw.GetMetricStatisticsOutput, error) {
		return client.GetMetricStatistics(t.Context(),
			&sdkcw.GetMetricStatisticsInput{Namespace: aws.String("shop"), MetricName: &metric, StartTime: &noon,
				EndTime: aws.Time(noon.Add(time.Hour)),
				Period:  aws.Int32(60), Statistics: []sdkcwtypes.Statistic{"Average"}})
	}
	out, err := ask("Latency")
	if err != nil {
		t.Fatal(err)
	}
	if d := out.Datapoints[0]; *out.Label != "Latency" || !d.Timestamp.Equal(noon) || *d.Average != 0.25 ||
		*d.Sum != 3 || d.Minimum != nil || d.Unit != "Seconds" || d.ExtendedStatistics["p99"] != 1.5 {
		t.Errorf("%+v", d)
	}
	_, err = ask("none")
	e, ok := errors.AsType[*sdkcwtypes.InvalidParameterValueException](err)
	if !ok || e.ErrorCode() != "InvalidParameterValue" || e.ErrorMessage() != "there is no such metric" {
		t.Errorf("%v: the SDK must know the model's error by its shape, and its code of old", err)
	}
	for name, c := range map[string]struct {
		call func() error
		code string
	}{
		"a constraint": {func() error { _, err := ask(""); return err }, "ValidationError"},
		"an operation that is not there": {func() error {
			_, err := client.ListMetrics(t.Context(), nil)
			return err
		}, "NotImplementedException"},
		"an operation that the model here does not know": {func() error {
			_, err := client.ListAlarmMuteRules(t.Context(), nil)
			return err
		}, "UnknownOperationException"},
	} {
		if e, ok := errors.AsType[smithy.APIError](c.call()); !ok || e.ErrorCode() != c.code {
			t.Errorf("%s: %v, want %s", name, e, c.code)
		}
	}
	// The SDK compresses what is larger than 10 KiB.
	datum := sdkcwtypes.MetricDatum{MetricName: aws.String(strings.Repeat("x", 200)), Value: aws.Float64(1),
		Timestamp: &noon}
	in := &sdkcw.PutMetricDataInput{Namespace: aws.String("shop")}
	for range 100 {
		in.MetricData = append(in.MetricData, datum)
	}
	if _, err := client.PutMetricData(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if len(m.put.MetricData) != 100 || !m.put.MetricData[99].Timestamp.Equal(noon) || *m.put.MetricData[0].Value != 1 {
		t.Errorf("%d data arrived", len(m.put.MetricData))
	}
}

// send signs a request for CloudWatch and returns the answer.
func send(t *testing.T, server *httptest.Server, path string, header map[string]string,
	body []byte) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, server.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}.Sign(r, sigv4.HexSHA256(body), "eu-west-1",
		"monitoring", time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, answer
}

const asked = "/service/GraniteServiceVersion20100801/operation/"

func TestOneServiceInThreeProtocols(t *testing.T) {
	t.Parallel()
	server := serve(t, time.Now, cw.New(awsproto.Hooks{}, &metrics{}))
	resp, answer := send(t, server, "/",
		map[string]string{"Content-Type": "application/x-amz-json-1.0",
			"X-Amz-Target": "GraniteServiceVersion20100801.GetMetricStatistics"},
		[]byte(`{"Namespace":"shop","MetricName":"Latency","StartTime":1764072000.5,"EndTime":1764072060,"Period":60}`))
	var out cw.GetMetricStatisticsOutput
	if err := json.Unmarshal(answer, &out); err != nil || resp.StatusCode != 200 ||
		resp.Header.Get("Content-Type") != "application/x-amz-json-1.0" || *out.Datapoints[0].Average != 0.25 {
		t.Errorf("JSON 1.0: %s %s", resp.Status, answer)
	}
	resp, answer = send(t, server, "/",
		map[string]string{"Content-Type": "application/x-amz-json-1.0",
			"X-Amz-Target": "GraniteServiceVersion20100801.GetMetricStatistics"},
		[]byte(`{"Namespace":"shop","MetricName":"none","StartTime":1,"EndTime":2,"Period":60}`))
	if resp.StatusCode != 400 || resp.Header.Get("X-Amzn-Query-Error") != "InvalidParameterValue;Sender" ||
		!strings.Contains(string(answer), `"__type":"InvalidParameterValueException"`) {
		t.Errorf("JSON 1.0: %s %s %s", resp.Status, resp.Header, answer)
	}
	form := url.Values{"Action": {"GetMetricStatistics"}, "Version": {"2010-08-01"}, "Namespace": {"shop"},
		"MetricName": {"Latency"}, "StartTime": {"2026-11-25T12:00:00Z"},
		"EndTime": {"2026-11-25T13:00:00Z"}, "Period": {"60"}}
	resp, answer = send(t, server, "/", map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		[]byte(form.Encode()))
	if resp.StatusCode != 200 || !strings.Contains(string(answer), "<Average>0.25</Average>") ||
		!strings.Contains(string(answer), "<key>p99</key>") {
		t.Errorf("Query: %s %s", resp.Status, answer)
	}
	resp, answer = send(t, server, "/", map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		[]byte("Action=PutMetricData&Version=2010-08-01&Namespace=shop&MetricData="))
	if resp.StatusCode != 200 || !strings.Contains(string(answer), "<PutMetricDataResult></PutMetricDataResult>") {
		t.Errorf("Query, with nothing to answer: %s %s", resp.Status, answer)
	}
	form.Set("MetricName", "none")
	resp, answer = send(t, server, "/", map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		[]byte(form.Encode()))
	if resp.StatusCode != 400 || !strings.Contains(string(answer), "<Code>InvalidParameterValue</Code>") {
		t.Errorf("Query: %s %s", resp.Status, answer)
	}
	resp, answer = send(t, server, asked+"PutMetricData", map[string]string{"Smithy-Protocol": "rpc-v2-cbor"},
		must(cbor.Marshal(map[string]any{"Namespace": "shop", "MetricData": []any{}})))
	if resp.StatusCode != 200 || resp.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" || len(answer) != 1 {
		t.Errorf("CBOR: %s %s %q", resp.Status, resp.Header, answer)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		return []byte(err.Error())
	}
	return b
}

func TestHostileCBOR(t *testing.T) {
	t.Parallel()
	server := serve(t, time.Now, cw.New(awsproto.Hooks{}, &metrics{}))
	deep := bytes.Repeat([]byte{0x81}, 100_000)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 64<<20))
	_ = z.Close()
	for name, c := range map[string]struct {
		path, protocol, encoding string
		body                     []byte
		code                     string
	}{
		"no CBOR": {asked + "PutMetricData", "rpc-v2-cbor", "", []byte("{}garbage"),
			"SerializationException"},
		"nested too deep": {asked + "PutMetricData", "rpc-v2-cbor", "", deep, "SerializationException"},
		"a huge list promised": {asked + "PutMetricData", "rpc-v2-cbor", "",
			[]byte{0xa1, 0x6a, 'M', 'e', 't', 'r', 'i', 'c', 'D', 'a', 't', 'a', 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff,
				0xff, 0xff, 0xff}, "SerializationException"},
		"a key twice": {asked + "PutMetricData", "rpc-v2-cbor", "",
			[]byte{0xa2, 0x61, 'a', 0x01, 0x61, 'a', 0x02}, "SerializationException"},
		"text as a number": {asked + "GetMetricStatistics", "rpc-v2-cbor", "",
			must(cbor.Marshal(map[string]any{"Period": "60"})), "SerializationException"},
		"a time without a tag": {asked + "GetMetricStatistics", "rpc-v2-cbor", "",
			must(cbor.Marshal(map[string]any{"StartTime": 1764072000})), "SerializationException"},
		"no gzip": {asked + "PutMetricData", "rpc-v2-cbor", "gzip", []byte("x"), "SerializationException"},
		"a bomb": {asked + "PutMetricData", "rpc-v2-cbor", "gzip", bomb.Bytes(),
			"RequestEntityTooLargeException"},
		"an unknown encoding": {asked + "PutMetricData", "rpc-v2-cbor", "br", nil, "SerializationException"},
		"another protocol":    {asked + "PutMetricData", "rpc-v3-cbor", "", nil, "UnknownOperationException"},
		"another service": {"/service/CodeCommit_20150413/operation/GetRepository", "rpc-v2-cbor", "", nil,
			"UnknownOperationException"},
		"half a path": {"/service/GraniteServiceVersion20100801", "rpc-v2-cbor", "", nil, "UnknownOperationException"},
	} {
		header := map[string]string{"Smithy-Protocol": c.protocol, "Content-Type": "application/cbor"}
		if c.encoding != "" {
			header["Content-Encoding"] = c.encoding
		}
		resp, answer := send(t, server, c.path, header, c.body)
		var e struct {
			Type string `cbor:"__type"`
		}
		if err := cbor.Unmarshal(answer, &e); err != nil || resp.StatusCode < 400 || e.Type != c.code {
			t.Errorf("%s: %s %q, want %s", name, resp.Status, answer, c.code)
		}
	}
}
