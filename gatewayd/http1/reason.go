package http1

// Error is a refusal. Errors are shared and must not be written to; compare their Reason.
type Error struct {
	// Status is what to answer: 4xx or 5xx to a client, always 502 for what a backend sent.
	Status int
	// Reason names the rule that was broken.
	Reason Reason
}

// Error returns a sentence for logs and answers. It never contains bytes of the message.
func (e *Error) Error() string { return reasons[e.Reason].sentence }

// Upstream returns the same refusal for bytes that a backend sent: its status is 502. [HeadEnd], [Body] and
// [Trailer] do not know whose bytes they read and answer as for a client.
func (e *Error) Upstream() *Error { return &upstreamErrors[e.Reason] }

// Refusal returns the shared error of a reason, for limits that only the caller can see, such as a head that
// grows past its limit before it is complete ([ReasonHeadTooLarge]).
func Refusal(r Reason) *Error { return &clientErrors[r] }

// Reason names a rule of this package. Values index arrays of counters of length [Reasons]; the words that String
// returns are stable and appear in metrics, logs and answers.
type Reason uint8

// String returns the word of the reason in lower case with underscores.
func (r Reason) String() string { return reasons[r].word }

// The reasons. The comment of a group names the section that the rules come from.
const (
	_ Reason = iota

	// RFC 9112 2.2, 5: lines and octets.
	ReasonBareLF
	ReasonBareCR
	ReasonNUL
	ReasonControlCharacter
	ReasonEmptyStartLine
	ReasonIncompleteHead
	ReasonBytesBehindHead

	// Limits.
	ReasonHeadTooLarge
	ReasonTooManyFields
	ReasonTargetTooLong

	// RFC 9112 3: the request line.
	ReasonBadRequestLine
	ReasonBadMethod
	ReasonMethodNotAllowed
	ReasonBadTarget
	ReasonFragment
	ReasonBadTargetForm
	ReasonHTTP09
	ReasonHTTP2Preface
	ReasonBadVersion
	ReasonUnsupportedVersion

	// RFC 9112 5, RFC 9110 5: fields.
	ReasonMissingColon
	ReasonSpaceBeforeColon
	ReasonObsFold
	ReasonEmptyFieldName
	ReasonBadFieldName
	ReasonUnderscoreName

	// RFC 9110 7.2: host.
	ReasonMissingHost
	ReasonDuplicateHost
	ReasonBadHost
	ReasonHostMismatch

	// RFC 9112 6: framing.
	ReasonBadContentLength
	ReasonDuplicateContentLength
	ReasonBadTransferEncoding
	ReasonDuplicateTransferEncoding
	ReasonTransferEncodingHTTP10
	ReasonLengthAndTransferEncoding

	// RFC 9110 7.6.1, 10.1.1: connection and expectations.
	ReasonBadConnection
	ReasonTooManyConnectionOptions
	ReasonEssentialNominated
	ReasonBadExpect

	// RFC 9110 7.8, RFC 6455 4.2.1: upgrades.
	ReasonBadUpgrade
	ReasonUpgradeAmbiguous
	ReasonUpgradeMethod
	ReasonUpgradeHTTP10
	ReasonUpgradeBody
	ReasonBadWebSocketKey
	ReasonBadWebSocketVersion

	// RFC 9112 7: bodies.
	ReasonBadChunkSize
	ReasonBadChunkExtension
	ReasonChunkOverhead
	ReasonBadChunkEnd
	ReasonTruncatedBody

	// RFC 9112 4: answers of a backend.
	ReasonBadStatusLine
	ReasonBadStatus
	ReasonUnaskedUpgrade
	ReasonBadSwitch

	reasonCount
)

// Reasons is the length of an array indexed by [Reason].
const Reasons = int(reasonCount)

var reasons = [reasonCount]struct {
	status         int
	word, sentence string
}{
	0:                      {400, "none", "the message was refused"},
	ReasonBareLF:           {400, "bare_lf", "a line ends in a line feed without a carriage return"},
	ReasonBareCR:           {400, "bare_cr", "a carriage return is not followed by a line feed"},
	ReasonNUL:              {400, "nul", "the message head contains a NUL"},
	ReasonControlCharacter: {400, "control_character", "the message head contains a control character"},
	ReasonEmptyStartLine:   {400, "empty_start_line", "the message head begins with an empty line"},
	ReasonIncompleteHead:   {400, "incomplete_head", "the message head is incomplete"},
	ReasonBytesBehindHead:  {400, "bytes_behind_head", "bytes follow the end of the message head"},

	ReasonHeadTooLarge:  {431, "head_too_large", "the message head is too large"},
	ReasonTooManyFields: {431, "too_many_fields", "the message head has too many fields"},
	ReasonTargetTooLong: {414, "target_too_long", "the request target is too long"},

	ReasonBadRequestLine:     {400, "bad_request_line", "the request line is malformed"},
	ReasonBadMethod:          {400, "bad_method", "the method is malformed"},
	ReasonMethodNotAllowed:   {405, "method_not_allowed", "CONNECT and TRACE are not served"},
	ReasonBadTarget:          {400, "bad_target", "the request target contains a forbidden character"},
	ReasonFragment:           {400, "fragment", "the request target contains a fragment"},
	ReasonBadTargetForm:      {400, "bad_target_form", "the request target has a form that its method does not allow"},
	ReasonHTTP09:             {400, "http_0_9", "the request line has no version"},
	ReasonHTTP2Preface:       {505, "http2_preface", "HTTP/2 was not negotiated on this connection"},
	ReasonBadVersion:         {400, "bad_version", "the HTTP version is malformed"},
	ReasonUnsupportedVersion: {505, "unsupported_version", "only HTTP/1.0 and HTTP/1.1 are served here"},

	ReasonMissingColon:     {400, "missing_colon", "a field line has no colon"},
	ReasonSpaceBeforeColon: {400, "space_before_colon", "whitespace stands between a field name and its colon"},
	ReasonObsFold:          {400, "obs_fold", "a field line begins with whitespace"},
	ReasonEmptyFieldName:   {400, "empty_field_name", "a field has an empty name"},
	ReasonBadFieldName:     {400, "bad_field_name", "a field name contains a forbidden character"},
	ReasonUnderscoreName:   {400, "underscore_name", "a field name imitates a well-known one with underscores"},

	ReasonMissingHost:   {400, "missing_host", "the Host field is missing"},
	ReasonDuplicateHost: {400, "duplicate_host", "there is more than one Host field"},
	ReasonBadHost:       {400, "bad_host", "the host is malformed"},
	ReasonHostMismatch:  {400, "host_mismatch", "the request target and the Host field name different hosts"},

	ReasonBadContentLength:          {400, "bad_content_length", "Content-Length is not a plain decimal number"},
	ReasonDuplicateContentLength:    {400, "duplicate_content_length", "there is more than one Content-Length"},
	ReasonBadTransferEncoding:       {501, "bad_transfer_encoding", "only the transfer coding chunked is known"},
	ReasonDuplicateTransferEncoding: {400, "duplicate_transfer_encoding", "there is more than one Transfer-Encoding"},
	ReasonTransferEncodingHTTP10:    {400, "transfer_encoding_http_1_0", "HTTP/1.0 has no Transfer-Encoding"},
	ReasonLengthAndTransferEncoding: {400, "length_and_transfer_encoding", "Content-Length and Transfer-Encoding are both given"},

	ReasonBadConnection:            {400, "bad_connection", "the Connection field is malformed"},
	ReasonTooManyConnectionOptions: {400, "too_many_connection_options", "the Connection field names too many fields"},
	ReasonEssentialNominated:       {400, "essential_nominated", "the Connection field names a field that is meant for everybody"},
	ReasonBadExpect:                {417, "bad_expect", "the only known expectation is 100-continue"},

	ReasonBadUpgrade:          {400, "bad_upgrade", "the Upgrade field is malformed"},
	ReasonUpgradeAmbiguous:    {400, "upgrade_ambiguous", "the Upgrade field offers websocket beside another protocol"},
	ReasonUpgradeMethod:       {400, "upgrade_method", "a WebSocket handshake must be a GET"},
	ReasonUpgradeHTTP10:       {400, "upgrade_http_1_0", "a WebSocket handshake needs HTTP/1.1"},
	ReasonUpgradeBody:         {400, "upgrade_body", "a WebSocket handshake must have no body"},
	ReasonBadWebSocketKey:     {400, "bad_websocket_key", "Sec-WebSocket-Key is missing or malformed"},
	ReasonBadWebSocketVersion: {426, "bad_websocket_version", "only WebSocket version 13 is served"},

	ReasonBadChunkSize:      {400, "bad_chunk_size", "a chunk size is malformed"},
	ReasonBadChunkExtension: {400, "bad_chunk_extension", "a chunk extension is malformed or too long"},
	ReasonChunkOverhead:     {400, "chunk_overhead", "the chunked body is mostly framing"},
	ReasonBadChunkEnd:       {400, "bad_chunk_end", "a chunk does not end where its size says"},
	ReasonTruncatedBody:     {400, "truncated_body", "the body ends before it is complete"},

	ReasonBadStatusLine:  {502, "bad_status_line", "the status line of the answer is malformed"},
	ReasonBadStatus:      {502, "bad_status", "the status of the answer is not between 100 and 599"},
	ReasonUnaskedUpgrade: {502, "unasked_upgrade", "the answer switches protocols, which nobody asked for"},
	ReasonBadSwitch:      {502, "bad_switch", "the answer switches protocols but is not a WebSocket handshake"},
}

var clientErrors, upstreamErrors = func() (c, u [reasonCount]Error) {
	for i := range c {
		c[i] = Error{reasons[i].status, Reason(i)}
		u[i] = Error{502, Reason(i)}
	}
	return c, u
}()
