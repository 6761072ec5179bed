package awsproto

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
)

func writeQuery(w http.ResponseWriter, q *request, out any) {
	w.Header().Set("Content-Type", "text/xml")
	var b bytes.Buffer
	name := q.endpoint.Op.Name
	fmt.Fprintf(&b, `<%sResponse xmlns="%s">`, name, q.info.Namespace)
	fmt.Fprintf(&b, "<%sResult>", name) // clients look for it even where it holds nothing
	encodeXML(&b, out)
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
