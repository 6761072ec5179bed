package awsproto

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"reflect"
	"strings"
)

func writeQuery(w http.ResponseWriter, q *request, out any) {
	w.Header().Set("Content-Type", "text/xml")
	var b bytes.Buffer
	name := q.endpoint.Op.Name
	fmt.Fprintf(&b, `<%sResponse xmlns="%s">`, name, q.info.Namespace)
	fmt.Fprintf(&b, "<%sResult>", name) // clients look for it even where it holds nothing
	(&encoder{Buffer: &b, item: "member"}).encode("", reflect.ValueOf(out))
	fmt.Fprintf(&b, "</%sResult>", name)
	fmt.Fprintf(&b, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", q.id, name)
	_, _ = w.Write(b.Bytes())
}

func writeQueryError(w http.ResponseWriter, q *request, se ServiceError) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(se.HTTPStatus())
	var b bytes.Buffer
	fmt.Fprintf(&b, `<ErrorResponse xmlns="%s"><Error><Type>%s</Type><Code>`, q.info.Namespace, fault(se))
	_ = xml.EscapeText(&b, []byte(se.ErrorCode()))
	b.WriteString("</Code><Message>")
	_ = xml.EscapeText(&b, []byte(messageOf(se)))
	fmt.Fprintf(&b, "</Message></Error><RequestId>%s</RequestId></ErrorResponse>", q.id)
	_, _ = w.Write(b.Bytes())
}

// writeEC2 writes an answer of EC2: its members stand in the document itself, before the ID of the request.
func writeEC2(w http.ResponseWriter, q *request, out any) {
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	var b bytes.Buffer
	name := q.endpoint.Op.Name
	fmt.Fprintf(&b, `<%sResponse xmlns="%s/"><requestId>%s</requestId>`, name, q.info.Namespace, q.id)
	(&encoder{Buffer: &b, item: "item", ec2: true}).encode("", reflect.ValueOf(out))
	if q.endpoint.Op.Empty { // where the model has no members, AWS says that it is done
		b.WriteString("<return>true</return>")
	}
	fmt.Fprintf(&b, "</%sResponse>", name)
	_, _ = w.Write(b.Bytes())
}

// writeEC2Error writes an error of EC2, which has codes of its own for who may do what.
func writeEC2Error(w http.ResponseWriter, q *request, se ServiceError) {
	code, status := se.ErrorCode(), se.HTTPStatus()
	if strings.HasPrefix(code, "AccessDenied") {
		code, status = "UnauthorizedOperation", http.StatusForbidden
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.WriteHeader(status)
	var b bytes.Buffer
	b.WriteString("<Response><Errors><Error><Code>")
	_ = xml.EscapeText(&b, []byte(code))
	b.WriteString("</Code><Message>")
	_ = xml.EscapeText(&b, []byte(messageOf(se)))
	fmt.Fprintf(&b, "</Message></Error></Errors><RequestID>%s</RequestID></Response>", q.id)
	_, _ = w.Write(b.Bytes())
}
