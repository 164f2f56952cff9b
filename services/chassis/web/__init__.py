"""Pages for people, as services serve them: one frame, two languages, and who reads is recorded.

Pages are made here on the server and work without scripts. They only read. The design is the
Danish common one (dkfds); nothing is loaded from anywhere else, and the browser is told so. No
business noun is named: which pages there are is each service's.
"""
