package passwd

import (
	"net/http"

	"github.com/ispmail/go-ispmail/passwd/internal/web"
)

// maxBody is far more than the fields can need, each octet escaped as three.
const maxBody = 16 << 10

var notFound = verdict{status: http.StatusNotFound, reason: "not-found", text: "There is nothing here."}

func badRequest(status int, text string) verdict {
	return verdict{status: status, reason: "bad-request", text: text}
}

// readFields reads the fields of a request from its body, or returns what is wrong with it.
func readFields(w http.ResponseWriter, r *http.Request, types []web.BodyType, fields []web.Field) (verdict, bool) {
	return verdictOf(web.ReadFields(w, r, maxBody, types, fields))
}

func verdictOf(fault *web.Fault) (verdict, bool) {
	if fault == nil {
		return verdict{}, true
	}
	v := badRequest(fault.Status, fault.Text)
	v.field = fault.Field
	return v, false
}
