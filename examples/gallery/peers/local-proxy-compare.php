<?php
// php local-proxy-compare.php compare HOST PORT [COUNT]: what connect, get, close costs a script that goes to memcached
// at HOST:PORT directly, over the proxy that runs already, and over nutcracker, which it starts.
[, , $host, $port] = $argv;
$count = (int) ($argv[4] ?? 10000);
$folder = sys_get_temp_dir();
if (!extension_loaded('memcached')) fail('the extension memcached: apt-get install php-memcached');
if (!is_executable('/usr/sbin/nutcracker')) fail('nutcracker: apt-get install nutcracker');

function fail(string $what): never
{
    fwrite(STDERR, "local-proxy-compare.php needs $what\n");
    exit(1);
}

/** The time that all threads of a process have spent on a processor, in microseconds. */
function cpu(int $pid): float
{
    $total = 0;
    foreach (glob("/proc/$pid/task/*/schedstat") as $file) $total += (int) file_get_contents($file);
    return $total / 1000;
}

/** The process that listens on a Unix socket. */
function listener(string $path): int
{
    preg_match('#^\S+ \S+ \S+ 00010000 \S+ \S+ +(\d+) ' . preg_quote($path) . '$#m', file_get_contents('/proc/net/unix'), $match)
        or fail("the proxy: npm run gallery -- local-proxy");
    foreach (glob('/proc/[0-9]*/fd/*') as $link) {
        if (@readlink($link) === "socket:[$match[1]]") return (int) explode('/', $link)[2];
    }
    fail("to see the process that listens on $path: run it as the same user");
}

function connect(string $place, int $port): Memcached
{
    $memcached = new Memcached();
    $memcached->addServer($place, $port);
    return $memcached;
}

$direct = connect($host, (int) $port);
$direct->set('greeting', str_repeat('x', 64)) or fail("memcached on $host:$port: apt-get install memcached");
$pid = array_values($direct->getStats())[0]['pid'];
$direct->quit();

$settings = "$folder/headrace-nutcracker.yml";
$socket = "$folder/headrace-nutcracker.sock";
file_put_contents($settings, "gallery:\n  listen: $socket 0600\n  servers:\n   - $host:$port:1\n");
$probe = stream_socket_server('tcp://127.0.0.1:0');
$statistics = explode(':', stream_socket_get_name($probe, false))[1];
fclose($probe);
$null = ['file', '/dev/null', 'r+'];
$nutcracker = proc_open(
    ['/usr/sbin/nutcracker', '-c', $settings, '-o', '/dev/null', '-a', '127.0.0.1', '-s', $statistics, '-p', "$socket.pid"],
    [$null, $null, $null],
    $pipes
);
register_shutdown_function(function () use ($nutcracker, $settings, $socket) {
    proc_terminate($nutcracker);
    proc_close($nutcracker);
    foreach ([$settings, $socket, "$socket.pid"] as $file) @unlink($file);
});
for ($i = 0; $i < 200 && !file_exists($socket); $i++) usleep(10000);

$proxy = "$folder/headrace-proxy.sock";
$ways = [
    'direct' => [$host, (int) $port, 0],
    'headrace' => [$proxy, 0, listener($proxy)],
    'nutcracker' => [$socket, 0, proc_get_status($nutcracker)['pid']],
];
printf("%-10s  %8s  %10s  %9s  %13s   (µs for one exchange)\n", 'way', 'time', 'CPU script', 'CPU proxy', 'CPU memcached');
foreach ($ways as $name => [$place, $at, $between]) {
    for ($round = -200; $round < $count; $round++) {
        if ($round === 0) {
            $start = hrtime(true);
            $before = [cpu(getmypid()), $between ? cpu($between) : 0, cpu($pid)];
        }
        $memcached = connect($place, $at);
        if (strlen((string) $memcached->get('greeting')) !== 64) fail("an answer: $name gave none");
        $memcached->quit();
    }
    $time = (hrtime(true) - $start) / 1000;
    $after = [cpu(getmypid()), $between ? cpu($between) : 0, cpu($pid)];
    $used = array_map(fn ($then, $now) => ($now - $then) / $count, $before, $after);
    printf("%-10s  %8.1f  %10.1f  %9.1f  %13.1f\n", $name, $time / $count, ...$used);
}
