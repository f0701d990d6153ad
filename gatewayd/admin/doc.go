// Package admin is the REST API over the configuration: collections and objects of every kind, changes, the whole
// configuration, views, and the OpenAPI document, by net/http. There is no code per kind; what it knows of fields it
// asks spec.
//
// It decides who may speak (Host, Origin, bearer token), what may be asked (methods, parameters, sizes) and how an
// answer looks. What a change means is control's to say; admin never sees a store, a loop or the data path, whose views
// it is given. The daemon wires it.
package admin
