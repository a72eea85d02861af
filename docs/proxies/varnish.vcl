# Varnish in front of the clock: one path for each setting. The clock serves HTTP on port
# 8000. docs/symptoms.rst shows how to run it, and what each setting does.
vcl 4.1;

backend clock {
    .host = "127.0.0.1";
    .port = "8000";
}

backend impatient {
    .host = "127.0.0.1";
    .port = "8000";
    .between_bytes_timeout = 800ms;
}

sub vcl_recv {
    set req.http.X-Setting = regsub(req.url, "^/([^/]+)/.*", "\1");
    set req.url = regsub(req.url, "^/[^/]+/", "/");
    if (req.http.X-Setting == "timeout") {
        set req.backend_hint = impatient;
        return (pass);
    }
    if (req.http.X-Setting == "pipe") {
        return (pipe);
    }
    if (req.http.X-Setting == "pass") {
        return (pass);
    }
    if (req.http.X-Setting != "default") {
        return (pass);
    }
}

sub vcl_pipe {
    set bereq.http.Upgrade = req.http.Upgrade;
    set bereq.http.Connection = req.http.Connection;
}

sub vcl_backend_response {
    if (bereq.http.X-Setting == "do_stream-off") {
        set beresp.do_stream = false;
    }
    if (bereq.http.X-Setting == "do_gzip") {
        set beresp.do_gzip = true;
    }
}
