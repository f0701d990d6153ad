package meter

// A Code is a class of close codes, so that peers who choose their codes do not make series.
type Code uint8

// The classes that are not one code alone.
const (
	CodeUnknown     Code = iota // a Close ended the tunnel, but its code was not seen whole
	CodeLibrary                 // 3000 to 3999, those of libraries and frameworks
	CodeApplication             // 4000 to 4999, free for applications
	CodeOther                   // every other one
	codesAlone
)

// alone are the codes with a class of their own. 1005 is a Close without a code, 1006 an end without a Close.
var alone = [...]uint16{1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013}

// Codes is the length of an array indexed by [Code].
const Codes = int(codesAlone) + len(alone)

// CodeOf is the class of a close code; 0 is not known.
func CodeOf(code uint16) Code {
	switch {
	case code == 0:
		return CodeUnknown
	case code >= 3000 && code < 4000:
		return CodeLibrary
	case code >= 4000 && code < 5000:
		return CodeApplication
	}
	for i, a := range alone {
		if a == code {
			return codesAlone + Code(i)
		}
	}
	return CodeOther
}

var codes = [Codes]string{
	"unknown", "3xxx", "4xxx", "other",
	"1000", "1001", "1002", "1003", "1005", "1006", "1007", "1008", "1009", "1011", "1012", "1013",
}

// String is the word that metrics use: the code where it has a class of its own.
func (c Code) String() string { return codes[c] }
