<?php
// Calls functions of clients/Gateway.php, and writes their results: php gateway-calls.php '[["sendToAll","hi"],…]'
declare(strict_types=1);

require __DIR__ . '/../clients/Gateway.php';

use GatewayClient\ApiException;
use GatewayClient\Gateway;
use GatewayClient\NotOffered;

Gateway::$api = getenv('API');
Gateway::$apiKey = getenv('API_KEY');
$results = [];
foreach (json_decode($argv[1], true, 512, JSON_THROW_ON_ERROR) as [$function, $arguments]) {
    try {
        $results[] = Gateway::$function(...$arguments);
    } catch (ApiException $error) {
        $results[] = ['refused' => $error->apiCode, 'done' => $error->done];
    } catch (NotOffered $error) {
        $results[] = ['notOffered' => $error->getMessage()];
    }
}
echo json_encode($results, JSON_THROW_ON_ERROR);
