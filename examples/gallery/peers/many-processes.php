<?php
// Swoole's first TCP server and its client, without Swoole. Every read is a message.
// php many-processes.php server HOST PORT, or client HOST PORT [COUNT]

[, $role, $host, $port] = $argv;
$host = str_contains($host, ':') && $host[0] !== '[' ? "[$host]" : $host;
$place = "tcp://$host:$port";

if ($role === 'server') {
    $server = stream_socket_server($place, $code, $message) or exit("listen failed. Error: $code\n");
    echo stream_socket_get_name($server, false), "\n";
    $clients = [];
    while (true) {
        $ready = [$server, ...array_values($clients)];
        $write = $except = null;
        if (stream_select($ready, $write, $except, null) === false) break;
        foreach ($ready as $socket) {
            if ($socket === $server) {
                $client = stream_socket_accept($server);
                $clients[(int) $client] = $client;
                echo "Client: Connect.\n";
                continue;
            }
            $data = fread($socket, 65536);
            if ($data === '' || $data === false) {
                unset($clients[(int) $socket]);
                fclose($socket);
                echo "Client: Close.\n";
            } else {
                fwrite($socket, "Server: $data");
            }
        }
    }
    exit;
}

/** The answer, or null if the connection came to nothing. */
function exchange(string $place, string $text): ?string
{
    $client = @stream_socket_client($place, $code, $message, 5);
    if ($client === false) {
        echo "connect failed. Error: $code\n";
        return null;
    }
    stream_set_timeout($client, 10);
    @fwrite($client, $text);
    $answer = @fread($client, 65536);
    fclose($client);
    return $answer === '' || $answer === false ? null : $answer;
}

$count = (int) ($argv[4] ?? 1);
$lost = 0;
for ($i = 1; $i <= $count; $i++) {
    while (($answer = exchange($place, "hello $i")) === null) {
        $lost++;
        if ($lost > $count) exit(1);
        usleep(20000);
    }
    echo $answer, "\n";
}
echo "lost: $lost\n";
