"""The operations that moto may answer, each reviewed for doing what AWS does.

A test calls every one. Before you add one, check that it does what AWS does, that it neither runs nor
downloads code nor sends anything from this machine, and whether it executes or only stores.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Reviewed:
    """moto's part in one service."""

    backend: str
    """moto's name of its backend."""
    executes: frozenset[str] = frozenset()
    """Operations with the same effect as on AWS, and those that read their results."""
    stores: frozenset[str] = frozenset()
    """Operations on settings that are kept and shown, and have no other effect."""
    absent: frozenset[str] = frozenset()
    """Operations that read or delete what cannot be created here, and so find none."""

    @property
    def all(self) -> frozenset[str]:
        return self.executes | self.stores | self.absent


def _reviewed(backend: str, *, executes: str = "", stores: str = "", absent: str = "") -> Reviewed:
    return Reviewed(backend, _names(executes), _names(stores), _names(absent))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MOTO: Mapping[str, Reviewed] = {
    "apigatewayv2": _reviewed(
        "apigateway",
        # The gateway of localcloud reads these records.
        executes="CreateApi CreateIntegration CreateRoute CreateStage DeleteApi DeleteCorsConfiguration "
        "DeleteIntegration DeleteRoute DeleteStage GetApi GetApis GetIntegration GetIntegrations GetRoute "
        "GetRoutes GetStage GetStages ReimportApi UpdateApi UpdateIntegration UpdateRoute",
        stores="GetTags TagResource UntagResource",
        absent="GetDomainNames GetVpcLinks",
    ),
    "cloudwatch": _reviewed(
        "cloudwatch",
        executes="GetMetricData GetMetricStatistics ListMetrics PutMetricData",
        # Nobody evaluates alarms.
        stores="DeleteAlarms DeleteDashboards DescribeAlarms DescribeAlarmsForMetric DisableAlarmActions "
        "EnableAlarmActions GetDashboard ListDashboards ListTagsForResource PutDashboard PutMetricAlarm "
        "SetAlarmState TagResource UntagResource",
    ),
    "dynamodb": _reviewed(
        "dynamodb",
        # moto answers statements of PartiQL with too many or too few items.
        executes="BatchGetItem BatchWriteItem CreateTable DeleteItem DeleteTable DescribeLimits "
        "DescribeTable GetItem ListTables PutItem Query Scan TransactGetItems TransactWriteItems "
        "UpdateItem UpdateTable",
        # Nothing expires, and there is no earlier point in time.
        stores="DescribeContinuousBackups DescribeTimeToLive ListTagsOfResource TagResource UntagResource "
        "UpdateTimeToLive",
    ),
    "ecr": _reviewed(
        "ecr",
        # Builds put images in, and endpoints run these. Images are manifests: no layers are kept, and nothing
        # can be pulled or pushed by Docker.
        executes="BatchDeleteImage BatchGetImage CreateRepository DeleteRepository DescribeImages "
        "DescribeRepositories ListImages PutImage",
        stores="DeleteLifecyclePolicy DeleteRepositoryPolicy GetLifecyclePolicy GetRepositoryPolicy "
        "ListTagsForResource PutImageScanningConfiguration PutImageTagMutability PutLifecyclePolicy "
        "SetRepositoryPolicy TagResource UntagResource",
        absent="DescribeRegistry GetRegistryPolicy",
    ),
    "iam": _reviewed(
        "iam",
        # localcloud enforces what these say.
        executes="AddUserToGroup AttachGroupPolicy AttachRolePolicy AttachUserPolicy CreateAccessKey "
        "CreateGroup CreatePolicy CreatePolicyVersion CreateRole CreateUser DeleteAccessKey DeleteGroup "
        "DeleteGroupPolicy DeletePolicy DeletePolicyVersion DeleteRole DeleteRolePermissionsBoundary "
        "DeleteRolePolicy DeleteUser DeleteUserPolicy DetachGroupPolicy DetachRolePolicy DetachUserPolicy "
        "GetGroup GetGroupPolicy GetPolicy GetPolicyVersion GetRole GetRolePolicy GetUser GetUserPolicy "
        "ListAccessKeys ListAttachedGroupPolicies ListAttachedRolePolicies ListAttachedUserPolicies "
        "ListEntitiesForPolicy ListGroupPolicies ListGroups ListGroupsForUser ListPolicies "
        "ListPolicyVersions ListRolePolicies ListRoles ListUserPolicies ListUsers PutGroupPolicy "
        "PutRolePermissionsBoundary PutRolePolicy PutUserPolicy RemoveUserFromGroup "
        "SetDefaultPolicyVersion UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription",
        stores="AddRoleToInstanceProfile CreateAccountAlias CreateInstanceProfile CreateLoginProfile "
        "DeleteAccountAlias DeleteInstanceProfile DeleteLoginProfile GetAccessKeyLastUsed "
        "GetAccountAuthorizationDetails GetAccountSummary GetInstanceProfile GetLoginProfile "
        "ListAccountAliases ListInstanceProfiles ListInstanceProfilesForRole ListMFADevices ListPolicyTags "
        "ListRoleTags ListUserTags RemoveRoleFromInstanceProfile TagPolicy TagRole TagUser UntagPolicy "
        "UntagRole UntagUser",
        absent="GetAccountPasswordPolicy ListOpenIDConnectProviders ListSAMLProviders ListSSHPublicKeys "
        "ListServerCertificates ListSigningCertificates ListVirtualMFADevices",
    ),
    "kms": _reviewed(
        "kms",
        executes="CancelKeyDeletion CreateAlias CreateKey Decrypt DeleteAlias DescribeKey DisableKey "
        "EnableKey Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateMac GenerateRandom "
        "GetPublicKey ListAliases ListKeys ReEncrypt ScheduleKeyDeletion Sign UpdateAlias Verify VerifyMac",
        # Key policies are not enforced, and nothing rotates.
        stores="DisableKeyRotation EnableKeyRotation GetKeyPolicy GetKeyRotationStatus ListKeyPolicies "
        "ListResourceTags PutKeyPolicy TagResource UntagResource UpdateKeyDescription",
    ),
    "logs": _reviewed(
        "logs",
        executes="CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream DescribeLogGroups "
        "DescribeLogStreams GetLogEvents PutLogEvents",
        # Nothing expires, and no metric comes of a metric filter.
        stores="DeleteMetricFilter DeleteRetentionPolicy DescribeMetricFilters ListTagsForResource "
        "ListTagsLogGroup PutMetricFilter PutRetentionPolicy TagLogGroup TagResource UntagLogGroup "
        "UntagResource",
        absent="DeleteResourcePolicy DeleteSubscriptionFilter DescribeDeliveries "
        "DescribeDeliveryDestinations DescribeDeliverySources DescribeDestinations "
        "DescribeResourcePolicies DescribeSubscriptionFilters",
    ),
    "s3": _reviewed(
        "s3",
        executes="AbortMultipartUpload BucketCORSPreflightCheck CompleteMultipartUpload CopyObject "
        "CreateBucket CreateMultipartUpload DeleteBucket DeleteBucketCors DeleteBucketPolicy "
        "DeleteBucketWebsite DeleteObject DeleteObjects DeletePublicAccessBlock GetBucketAcl GetBucketCors "
        "GetBucketLocation GetBucketPolicy GetBucketPolicyStatus GetBucketVersioning GetBucketWebsite "
        "GetObject GetObjectAcl GetObjectAttributes GetPublicAccessBlock HeadBucket HeadObject ListBuckets "
        "ListMultipartUploads ListObjectVersions ListObjects ListObjectsV2 ListParts "
        "ObjectCORSPreflightCheck PostObject PutBucketAcl PutBucketCors PutBucketPolicy "
        "PutBucketVersioning PutBucketWebsite PutObject PutObjectAcl PutPublicAccessBlock UploadPart "
        "UploadPartCopy",
        # Nothing is encrypted, moves or expires. What cannot be set reads as what has never been set.
        stores="DeleteBucketEncryption DeleteBucketLifecycle DeleteBucketOwnershipControls "
        "DeleteBucketTagging DeleteObjectTagging GetBucketAccelerateConfiguration GetBucketEncryption "
        "GetBucketLifecycleConfiguration GetBucketLogging GetBucketNotificationConfiguration "
        "GetBucketOwnershipControls GetBucketReplication GetBucketTagging GetObjectLockConfiguration "
        "GetObjectTagging PutBucketEncryption PutBucketLifecycleConfiguration "
        "PutBucketNotificationConfiguration PutBucketOwnershipControls PutBucketTagging PutObjectTagging",
    ),
    "secretsmanager": _reviewed(
        "secretsmanager",
        executes="BatchGetSecretValue CreateSecret DeleteSecret DescribeSecret GetRandomPassword "
        "GetSecretValue ListSecretVersionIds ListSecrets PutSecretValue RestoreSecret UpdateSecret",
        stores="DeleteResourcePolicy GetResourcePolicy PutResourcePolicy TagResource UntagResource",
    ),
    "sns": _reviewed(
        "sns",
        # To queues.
        executes="CreateTopic DeleteTopic GetSubscriptionAttributes GetTopicAttributes ListSubscriptions "
        "ListSubscriptionsByTopic ListTopics Publish PublishBatch SetSubscriptionAttributes "
        "SetTopicAttributes Subscribe Unsubscribe",
        stores="ListTagsForResource TagResource UntagResource",
        absent="ListPlatformApplications",
    ),
    "sqs": _reviewed(
        "sqs",
        executes="ChangeMessageVisibility ChangeMessageVisibilityBatch CreateQueue DeleteMessage "
        "DeleteMessageBatch DeleteQueue GetQueueAttributes GetQueueUrl ListDeadLetterSourceQueues "
        "ListQueues PurgeQueue ReceiveMessage SendMessage SendMessageBatch SetQueueAttributes",
        stores="AddPermission ListQueueTags RemovePermission TagQueue UntagQueue",
    ),
    "ssm": _reviewed(
        "ssm",
        executes="DeleteParameter DeleteParameters DescribeParameters GetParameter GetParameterHistory "
        "GetParameters GetParametersByPath LabelParameterVersion PutParameter UnlabelParameterVersion",
        stores="AddTagsToResource CreateDocument DeleteDocument DescribeDocument GetDocument ListDocuments "
        "ListTagsForResource RemoveTagsFromResource",
    ),
    "sts": _reviewed(
        "sts",
        executes="AssumeRole GetAccessKeyInfo GetCallerIdentity GetSessionToken",
    ),
}
"""By botocore's name of the service."""


@dataclass(frozen=True)
class Records:
    """The operations of a service that moto only keeps as records, for users of --records."""

    signing_name: str
    backend: str
    operations: frozenset[str] | None = None
    """None for all that moto has."""
    without: frozenset[str] = frozenset()
    """Operations that would run something or leave this machine."""

    def has(self, operation: str) -> bool:
        """Whether moto may answer the operation."""
        return operation not in self.without and (self.operations is None or operation in self.operations)


RECORDS: Mapping[str, Records] = {
    "apigateway": Records("apigateway", "apigateway"),
    "bedrock": Records("bedrock", "bedrock"),
    "bedrock-runtime": Records("bedrock", "bedrockruntime"),
    "comprehend": Records("comprehend", "comprehend"),
    "events": Records("events", "events", without=_names("CreateApiDestination CreateConnection")),
    "lambda": Records(
        "lambda",
        "awslambda",
        _names(
            "AddLayerVersionPermission DeleteLayerVersion GetLayerVersion GetLayerVersionPolicy "
            "ListLayerVersions ListLayers PublishLayerVersion RemoveLayerVersionPermission"
        ),
    ),
    "rekognition": Records("rekognition", "rekognition"),
    "s3": Records(
        "s3",
        "s3",
        _names(
            "DeleteBucketReplication PutBucketAccelerateConfiguration PutBucketLogging PutBucketReplication"
        ),
    ),
    "scheduler": Records("scheduler", "scheduler"),
    "sns": Records("sns", "sns", frozenset()),
    "stepfunctions": Records("states", "stepfunctions"),
    "textract": Records("textract", "textract"),
}
"""By botocore's name of the service, which is the one that --records takes."""
