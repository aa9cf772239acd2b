"""Reference server of yew-jwt-auth: first-party login with an OAuth-shaped wire format.

RFC 9700 section 2.4 forbids the password grant for third parties. ``POST /token`` borrows its
wire format for an application and a server of one owner, and claims no conformance to OAuth.
"""
