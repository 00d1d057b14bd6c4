<?php
// php local-proxy.php ROLE HOST PORT [ARG…]: scripts that use memcached through the socket of the proxy.
//   client [COUNT]   so many times: connect, get, close
//   values [BYTES]   sets values of that size through one connection, gets them through another, compares
//   cut              asks for a value, reads the beginning of it, and waits for its end
//   watch            connect, get, close, every 20 ms, and prints when errors begin and end
$role = $argv[1];
$path = sys_get_temp_dir() . '/headrace-proxy.sock';
if (!extension_loaded('memcached')) {
    fwrite(STDERR, "local-proxy.php needs the extension memcached: apt-get install php-memcached\n");
    exit(1);
}

function connect(string $path): Memcached
{
    $memcached = new Memcached();
    $memcached->setOption(Memcached::OPT_COMPRESSION, false);
    $memcached->addServer($path, 0);
    return $memcached;
}

if ($role === 'client') {
    $count = (int) ($argv[4] ?? 10000);
    $first = connect($path);
    $first->set('greeting', 'hello');
    $first->quit();
    $wrong = 0;
    for ($i = 0; $i < $count; $i++) {
        $memcached = connect($path);
        if ($memcached->get('greeting') !== 'hello') $wrong++;
        $memcached->quit();
    }
    print "$count exchanges, $wrong wrong\n";
} elseif ($role === 'values') {
    $size = (int) ($argv[4] ?? 524288);
    // Noise, and the two texts that look like an end of an answer.
    $values = [random_bytes($size), str_repeat("\r\n", intdiv($size, 2)), str_repeat("0\r\n", intdiv($size, 3))];
    foreach ($values as $i => $value) {
        $one = connect($path);
        $isSet = $one->set("value$i", $value);
        $one->quit();
        $other = connect($path);
        $same = $other->get("value$i") === $value;
        $other->quit();
        print strlen($value) . ' bytes ' . ($isSet && $same ? 'identical' : 'DIFFERENT') . "\n";
    }
} elseif ($role === 'cut') {
    $socket = stream_socket_client("unix://$path");
    fwrite($socket, 'get ' . ($argv[4] ?? 'value1') . "\r\n");
    print 'read ' . strlen(fread($socket, 4096)) . " bytes\n";
    sleep(3600);
} elseif ($role === 'watch') {
    $was = null;
    while (true) {
        $memcached = connect($path);
        $memcached->get('greeting');
        $code = $memcached->getResultCode();
        $is = $code === Memcached::RES_SUCCESS || $code === Memcached::RES_NOTFOUND ? 'served' : 'failed';
        if ($is !== $was) print "$is\n";
        $was = $is;
        $memcached->quit();
        usleep(20000);
    }
} else {
    fwrite(STDERR, "no role $role: it is one of client, values, cut, watch\n");
    exit(1);
}
