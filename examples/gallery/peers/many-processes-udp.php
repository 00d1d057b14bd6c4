<?php
// Swoole's UDP server and its client, without Swoole.
// php many-processes-udp.php udp HOST PORT, or packet HOST PORT [COUNT]

[, $role, $host, $port] = $argv;
$host = str_contains($host, ':') && $host[0] !== '[' ? "[$host]" : $host;
$place = "udp://$host:$port";

if ($role === 'udp') {
    $server = stream_socket_server($place, $code, $message, STREAM_SERVER_BIND) or exit("bind failed. Error: $code\n");
    echo stream_socket_get_name($server, false), "\n";
    while (true) {
        $data = stream_socket_recvfrom($server, 65535, 0, $client);
        if ($data === false) break;
        echo "Client: $client\n";
        stream_socket_sendto($server, "Server: $data", 0, $client);
    }
    exit;
}

$client = stream_socket_client($place, $code, $message) or exit("connect failed. Error: $code\n");
stream_set_timeout($client, 1);
$count = (int) ($argv[4] ?? 1);
$lost = 0;
for ($i = 1; $i <= $count; $i++) {
    do {
        @fwrite($client, "hello $i");
        $answer = @fread($client, 65535);
    } while (($answer === '' || $answer === false) && ++$lost <= 30);
    if ($lost > 30) exit(1);
    echo $answer, "\n";
}
