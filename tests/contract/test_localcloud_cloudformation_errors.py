"""Invalid templates are refused in CloudFormation's words, in its protocol, before anything is created.

The words are those of recordings on AWS: LocalStack's tests/aws/services/cloudformation/**/*.snapshot.json
and "Troubleshooting CloudFormation" in the user guide.
"""

import json

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, parameters, stacks

__all__ = ["cloud", "stacks"]

BUCKET = 'Resources: {B: {Type: "AWS::S3::Bucket"}}\n'


def bucket(properties: str, rest: str = "") -> str:
    return f'{rest}\nResources: {{B: {{Type: "AWS::S3::Bucket", Properties: {properties}}}}}\n'


UNUSED = "Conditions: {Never: !Equals [a, b]}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "AWSTemplateFormatVersion: 2011-01-01\n" + BUCKET,
            "Template format error: 2011-01-01 is not a supported value for AWSTemplateFormatVersion.",
        ),
        ('{"Resources": ', "Template format error: JSON not well-formed. (line 1, column 15)"),
        ('{"this is invalid JSON"="bobbins"}', "JSON not well-formed. (line 1, column 25)"),
        ("Resources: [", "Template format error: YAML not well-formed. (line 1, column 13)"),
        ("Resources: {? {a: b} : c}", "Template format error: YAML not well-formed. (line 1, column 15)"),
        (
            "Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: 'AWS::Serverless::Application', "
            "Properties: {Location: {ApplicationId: a, SemanticVersion: 1.0.0}}}}",
            "localcloud does not support AWS::Serverless::Application (resource A).",
        ),
        (
            UNUSED
            + '\nResources: {B: {Type: "AWS::S3::Bucket"}, C: {Type: "AWS::S3::Bucket", Condition: Never}}\n'
            + "Outputs: {O: {Value: !Ref C}}",
            "Unresolved resource dependencies [C] in the Outputs block of the template",
        ),
        (
            BUCKET + "Outputs: {O: {Value: x, Export: {Name: a b}}}",
            "Template format error: Output O is malformed. The Name field of every Export member must be "
            "specified and consist only of alphanumeric characters, colons, or hyphens.",
        ),
        (
            BUCKET + "Outputs: {O: {Value: !Select [0, !GetAZs nowhere]}}",
            "Template validation error: Invalid region in Fn::GetAZs: nowhere",
        ),
        ("Resources: {}", "Template format error: At least one Resources member must be defined."),
        ("Resources: {B: x}", "Template format error: Any Resources member must be an object."),
        (
            "Resources: {B: {Properties: {}}}",
            "Template format error: [/Resources/B] Every Resources object must contain a Type member.",
        ),
        (
            'Resources: {B: {Type: "AWS::S3::Bucket", Invalid: 1}}',
            "Invalid template resource property 'Invalid'",
        ),
        ("Resorces: {}\n" + BUCKET, "Invalid template property or properties [Resorces]"),
        ("Transform: 5\n" + BUCKET, "Key Name of transform definition must be a string."),
        ("Transform: {Name: Macro}\n" + BUCKET, "does not support the transform Macro, only"),
        ("Description: [a]\n" + BUCKET, "Template format error: Every Description member must be a string."),
        (
            'Resources: {B: {Type: "AWS::S3::Bucket", Properties: !Ref AWS::Region}}',
            "Template format error: [/Resources/B/Properties] must be an object.",
        ),
        (bucket("[]"), "Template format error: [/Resources/B/Properties] must be an object."),
        (bucket("''"), "Template format error: [/Resources/B/Properties] must be an object."),
        (bucket(""), "[/Resources/B/Properties] 'null' values are not allowed in templates"),
        ("Outputs: []\n" + BUCKET, "Template format error: Any Outputs member must be an object."),
        (
            # https://github.com/aws-cloudformation/cfn-lint/issues/2758
            'Resources: {B: {Type: "AWS::S3::Bucket", Metadata: some text}}',
            "Template format error: Any Metadata member must be an object.",
        ),
        (
            'Resources: {B: {Type: "AWS::S3::Bucket", Metadata: {Of: !Ref Nothing}}}',
            "Template format error: Unresolved resource dependencies [Nothing] in the Resources block",
        ),
        (
            "Parameters: {P: {Type: 'AWS::SSM::Parameter::Value<String>', Default: ''}}\n" + BUCKET,
            "Unable to fetch parameters [] from parameter store for this account.",
        ),
        (
            BUCKET + "Outputs: {O: {Description: x}}",
            "Template format error: Every Outputs member must contain a Value object",
        ),
        (
            BUCKET + "Outputs: {O: }",
            "[/Outputs/O] 'null' values are not allowed in templates",
        ),
        (
            BUCKET + "Outputs: {O: {Value: , Other: }}",
            "[/Outputs/O/Value] 'null' values are not allowed in templates",
        ),
        (
            bucket("{BucketName: }"),
            "[/Resources/B/Properties/BucketName] 'null' values are not allowed in templates",
        ),
        (
            BUCKET + "Outputs: {O: {Value: [a]}}",
            "Template format error: The Value field of every Outputs member must evaluate to a String",
        ),
        (
            BUCKET + "Outputs: {O: {Value: x, Export: name}}",
            "Template format error: Output O is malformed. The Name field of every Export member must be",
        ),
        (
            "Parameters: {P: {Default: x}}\n" + BUCKET,
            "Template format error: Every Parameters object must contain a Type member.",
        ),
        (
            "Parameters: {P: {Type: Text}}\n" + BUCKET,
            "Template format error: Unrecognized parameter type: Text",
        ),
        ("Parameters: [P]\n" + BUCKET, "Template format error: Any Parameters member must be an object."),
        (
            "Conditions: {C: !Equals [!Ref B, x]}\n" + BUCKET,
            "Template format error: Unresolved dependencies [B]. Cannot reference resources in the "
            "Conditions block of the template",
        ),
        (
            "Conditions: {C: !Equals [!GetAtt B.Arn, !Sub '${D.Arn}']}\n" + BUCKET,
            "Template format error: Unresolved dependencies [B, D]. Cannot reference resources in the "
            "Conditions block of the template",
        ),
        (
            "Conditions: {C: !Equals [!ImportValue x, y]}\n" + BUCKET,
            "Template error: Cannot use Fn::ImportValue in Conditions.",
        ),
        ("Conditions: {C: !Condition D}\n" + BUCKET, "Unresolved condition D"),
        ("Conditions: {C: yes}\n" + BUCKET, "Every Conditions member must be one of the condition functions"),
        (
            bucket("{BucketName: !Ref Nothing}"),
            "Template format error: Unresolved resource dependencies [Nothing] in the Resources block of the "
            "template",
        ),
        (
            BUCKET + "Outputs: {O: {Value: !Ref Nothing}}",
            "Template format error: Unresolved resource dependencies [Nothing] in the Outputs block of the "
            "template",
        ),
        (
            bucket("{BucketName: !If [Never, !Ref Nothing, x]}", UNUSED),
            "Template format error: Unresolved resource dependencies [Nothing] in the Resources block",
        ),
        (
            bucket("{BucketName: !If [Never, !GetAtt Nothing.Arn, x]}", UNUSED),
            "Template error: instance of Fn::GetAtt references undefined resource Nothing",
        ),
        (
            bucket("{BucketName: !If [Never, !GetAtt B.Colour, x]}", UNUSED),
            "Template error: resource B does not support attribute type Colour in Fn::GetAtt",
        ),
        (
            bucket("{BucketName: !Sub '${B.Colour}'}"),
            "Template error: resource B does not support attribute type Colour in Fn::GetAtt",
        ),
        (
            bucket("{BucketName: !GetAtt B}"),
            "Template error: every Fn::GetAtt object requires two non-empty parameters",
        ),
        (
            bucket("{BucketName: !If [Unknown, a, b]}"),
            "Template error: unresolved condition dependency Unknown in Fn::If",
        ),
        (bucket("{BucketName: !If [Never, a]}", UNUSED), "Template error: Fn::If requires a list argument"),
        (
            bucket('{BucketName: !Sub "${B"}'),
            "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, "
            "underscores, periods, and colons",
        ),
        (bucket('{BucketName: !Sub "${a-b}"}'), "Template error: variable names in Fn::Sub syntax must"),
        (
            bucket("{BucketName: !Sub [a, b, c]}"),
            "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments.",
        ),
        (
            # as users of the Serverless Framework report
            bucket("{BucketName: {'fn::GetAtt': [B, Arn]}}"),
            "Template Error: Encountered unsupported function: fn::GetAtt Supported functions are: "
            "[Fn::Base64, Fn::GetAtt, Fn::GetAZs, Fn::ImportValue, Fn::Join, Fn::Split, Fn::FindInMap, "
            "Fn::Select, Ref, Fn::Equals, Fn::If, Fn::Not, Condition, Fn::And, Fn::Or, Fn::Contains, "
            "Fn::EachMemberEquals, Fn::EachMemberIn, Fn::ValueOf, Fn::ValueOfAll, Fn::RefAll, Fn::Sub, "
            "Fn::Cidr]",
        ),
        (
            "Conditions: {C: !Equals [!Nonsense x, y]}\n" + BUCKET,
            "Template Error: Encountered unsupported function: Fn::Nonsense",
        ),
        (
            bucket("{BucketName: !Select [0, !Cidr [10.0.0.0/16, 1]]}"),
            "localcloud does not support the function Fn::Cidr.",
        ),
        (
            bucket("{'Fn::Transform': {Name: M}, BucketName: x}"),
            "localcloud does not support the function Fn::Transform.",
        ),
        (
            "Resources: {'Fn::Transform': {Name: M}}",
            "localcloud does not support the function Fn::Transform.",
        ),
        (
            "Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::X': [N, [a], {}], "
            "B: {Type: 'AWS::S3::Bucket', DeletionPolicy: !If [C, Retain, Delete]}}",
            "localcloud does not support the transform AWS::LanguageExtensions",
        ),
        (bucket("{BucketName: !Ref [a]}"), "Template format error: Every Ref value must be a string."),
        (
            bucket("{BucketName: !ImportValue {Ref: B}}"),
            "Template error: the attribute in Fn::ImportValue must not depend on any resources",
        ),
        (
            'Resources: {B: {Type: "AWS::S3::Bucket", DependsOn: [C]}}',
            "Template format error: Unresolved resource dependencies [C] in the Resources block",
        ),
        (
            'Resources: {B: {Type: "AWS::S3::Bucket", Condition: C}}',
            "Unresolved condition dependency C",
        ),
        (
            'Resources: {B: {Type: "AWS::S3::Bucket", DeletionPolicy: {a: b}}}',
            "Template format error: Every DeletionPolicy member must be a string.",
        ),
        (
            'Resources: {B: {Type: "AWS::S3::Bucket", DeletionPolicy: Keep}}',
            "Template format error: Unrecognized DeletionPolicy Keep for resource B",
        ),
        (
            'Resources: {B: {Type: "AWS::S3::Bucket", UpdateReplacePolicy: RetainExceptOnCreate}}',
            "Template format error: Unrecognized UpdateReplacePolicy RetainExceptOnCreate for resource B",
        ),
        (
            'Resources: {B: {Type: "AWS::S3::Bucket", DeletionPolicy: Snapshot}}',
            "Template error: resource type AWS::S3::Bucket does not support DeletionPolicy Snapshot",
        ),
        (
            'Resources: {G: {Type: "AWS::Logs::LogGroup", Properties: {RetentionInDays: 2}}}',
            "Properties validation failed for resource G (AWS::Logs::LogGroup) with message: "
            "[#/RetentionInDays: 2 is not a valid enum value]",
        ),
        (
            UNUSED
            + "\nResources: {G: {Type: 'AWS::Logs::LogGroup', Properties: "
            + "{RetentionInDays: !If [Never, 2, 3]}}}",
            "#/RetentionInDays: 2 is not a valid enum value",
        ),
        (
            UNUSED
            + "\nResources: {B: {Type: 'AWS::S3::Bucket'}, G: {Type: 'AWS::Logs::LogGroup', "
            + "Condition: Never, Properties: {RetentionInDays: 2}}}",
            "#/RetentionInDays: 2 is not a valid enum value",
        ),
        (bucket("{BucketName: !FindInMap [A, b, c]}", "Mappings: {A: {}}"), "to get mapping for A::b::c"),
        ("Mappings: {M: {a: b}}\n" + BUCKET, "Template format error: Every Mappings member a must be a map"),
        (
            "Mappings: {M: {a: {b: !Ref AWS::Region}}}\n" + BUCKET,
            "Template format error: Every Mappings attribute must be a String or a List.",
        ),
        (
            "Mappings: {M: {a: {b: {c: d}}}}\n" + BUCKET,
            "Template format error: Every Mappings attribute must be a String or a List.",
        ),
        (
            f"Description: {'x' * 1025}\n" + BUCKET,
            "Template format error: 'Description' length is greater than 1024.",
        ),
        (
            json.dumps({"Resources": {f"B{number}": {"Type": "AWS::S3::Bucket"} for number in range(501)}}),
            "Template format error: Number of resources, 501, is greater than maximum allowed, 500",
        ),
    ],
)
def test_an_invalid_template_is_a_validation_error(stacks, template, message):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        stacks.create("invalid", template)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert error["Type"] == "Sender"
    assert message in error["Message"]
    assert refused.value.response["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "text/xml"
    with pytest.raises(botocore.exceptions.ClientError, match="does not exist"):
        stacks.describe("invalid")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            '{"Resources": "", "Outputs": ""}',
            "Template format error: Any Resources member must be an object.",
        ),
        (
            UNUSED
            + '\nResources: {B: {Type: "AWS::S3::Bucket"}, C: {Type: "AWS::S3::Bucket", Condition: Never}}\n'
            + "Outputs: {O: {Value: !Ref C}}",
            "Unresolved resource dependencies [C] in the Outputs block of the template",
        ),
        (
            "Parameters: {P: {Type: 'AWS::SSM::Parameter::Value<String>'}}\n" + BUCKET,
            "Parameter P should either have input value or default value",
        ),
        ("Parameters: {P: {Type: String}}\n" + BUCKET, "Parameters: [P] must have values"),
        (
            "x" * 51201,
            f"1 validation error detected: Value '{'x' * 51201}' at 'templateBody' failed to satisfy "
            "constraint: Member must have length less than or equal to 51200",
        ),
    ],
    ids=["section", "output of what is not made", "value in the store", "value", "size"],
)
def test_errors_that_are_recorded_to_the_letter(stacks, template, message):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        stacks.create("invalid", template)
    assert refused.value.response["Error"]["Message"] == message


# The words are those that users report of AWS, and those of Eucalyptus's clone, which repeats them.
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("!Join [a]", "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list"),
        ("!Join ['', abc]", "every Fn::Join object requires two parameters"),
        ("!Join ['', !Ref AWS::Region]", "every Fn::Join object requires two parameters"),
        ("!Join [1, [a, b]]", "every Fn::Join object requires two parameters"),
        ("!Select [0]", "Fn::Select requires a list argument with two elements: an integer index and a list"),
        ("!Select [x, [a]]", "Fn::Select requires a list argument with two elements"),
        ("!Select [0, a]", "Fn::Select requires a list argument with two elements"),
        ("!Select [1, [a]]", "Fn::Select cannot select nonexistent value at index 1"),
        ("!Select [-1, [a]]", "Fn::Select cannot select nonexistent value at index -1"),
        ("!Select [0, !Split [a]]", "every Fn::Split object requires two parameters, (1) a string delimiter"),
        ("!Select [0, !Split [a, [b]]]", "every Fn::Split object requires two parameters"),
        ("{'Fn::Base64': [a]}", "every Fn::Base64 object must have a String-typed value."),
        ("!FindInMap [a, b]", "every Fn::FindInMap object requires three parameters, the map name, map key"),
        ("!FindInMap [a, b, c, {DefaultValue: d}]", "every Fn::FindInMap object requires three parameters"),
        ("!Select [0, {'Fn::GetAZs': [a]}]", "every Fn::GetAZs object must have a String-typed value."),
        ("!ImportValue [a]", "the attribute in Fn::ImportValue must be a string or a function"),
        ("!Equals [a, b]", "Fn::Equals is allowed in the Conditions block only."),
        ("!Sub ['${a}', {a: !Ref AWS::NoValue}]", "Fn::Sub cannot take"),
    ],
)
def test_a_function_with_arguments_that_it_does_not_take(stacks, value, message):
    for template in (bucket(f"{{BucketName: {value}}}"), BUCKET + f"Outputs: {{O: {{Value: {value}}}}}"):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            stacks.create("invalid", template)
        assert refused.value.response["Error"]["Code"] == "ValidationError"
        assert f"Template error: {message}" in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("!Equals [a]", "every Fn::Equals object requires a list of 2 string parameters."),
        (
            "!And [!Equals [a, a]]",
            "every Fn::And object requires a list of at least 2 and at most 10 boolean",
        ),
        (
            "!Or [a, b]",
            "every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters.",
        ),
        ("!Not [a]", "every Fn::Not object requires a list with exactly 1 boolean parameter."),
        ("!Not [!Equals [a, a], !Equals [a, a]]", "every Fn::Not object requires a list with exactly 1"),
    ],
)
def test_an_invalid_condition(stacks, condition, message):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        stacks.create("invalid", f"Conditions: {{C: {condition}}}\n{BUCKET}")
    assert f"Template error: {message}" in refused.value.response["Error"]["Message"]


def test_an_output_without_a_value_is_refused(stacks):
    with pytest.raises(botocore.exceptions.ClientError, match="must evaluate to a String"):
        stacks.create("invalid", BUCKET + "Outputs: {O: {Value: !Ref AWS::NoValue}}")


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("{Type: String, AllowedValues: [a, b]}", "c", "must be one of AllowedValues"),
        ("{Type: CommaDelimitedList, AllowedValues: [a, b]}", "a, c", "must be one of AllowedValues"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", "A", "must match pattern [a-z]+"),
        ("{Type: String, MinLength: 3}", "ab", "must contain at least 3 characters"),
        ("{Type: String, MaxLength: 3}", "abcd", "must contain at most 3 characters"),
        ("{Type: Number}", "one", "must be a number"),
        ("{Type: Number}", "1_000", "must be a number"),
        ("{Type: Number}", "inf", "must be a number"),
        ("{Type: Number}", "NaN", "must be a number"),
        ("{Type: Number}", " 5", "must be a number"),
        ("{Type: Number, MinValue: 1}", "0", "must be a number not less than 1"),
        ("{Type: Number, MaxValue: 3}", "4", "must be a number not greater than 3"),
        ("{Type: List<Number>}", "1, x", "must be a number"),
    ],
)
def test_a_parameter_that_is_not_allowed(stacks, parameter, value, message):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html"""
    given = parameters(P=value)
    for text, expected in (
        (parameter, f"Parameter 'P' {message}"),
        (
            parameter[:-1] + ", ConstraintDescription: only letters}",
            "Parameter P failed to satisfy constraint: only letters",  # in Elastic Beanstalk's messages too
        ),
    ):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            stacks.create("invalid", f"Parameters: {{P: {text}}}\n{BUCKET}", Parameters=given)
        assert refused.value.response["Error"]["Message"] == expected


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        *(
            (f"{{Type: '{kind}'}}", "x", f"localcloud does not support the type {kind} (parameter P)")
            for kind in (
                "AWS::EC2::KeyPair::KeyName",
                "AWS::EC2::AvailabilityZone::Name",
                "List<AWS::EC2::Subnet::Id>",
                "AWS::Route53::HostedZone::Id",
                "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
            )
        ),
        ("{Type: 'AWS::EC2::Nothing'}", "x", "Unrecognized parameter type: AWS::EC2::Nothing"),
        ("{Type: 'AWS::SSM::Parameter::Name'}", "/none", "Unable to fetch parameters [/none]"),
        ("{Type: String}", "x" * 4097, "Parameter 'P' must contain at most 4096 bytes"),
        (
            f"{{Type: String, Default: {'x' * 4097}}}",
            "x",
            "the Default of parameter P is longer than 4096 bytes",
        ),
    ],
)
def test_a_parameter_that_cannot_be_checked_or_is_too_long(stacks, parameter, value, message):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        stacks.create("invalid", f"Parameters: {{P: {parameter}}}\n{BUCKET}", Parameters=parameters(P=value))
    assert message in refused.value.response["Error"]["Message"]


def test_the_name_of_a_stored_parameter_is_not_replaced_by_its_value(cloud, stacks):
    cloud.client("ssm").put_parameter(Name="/named", Type="SecureString", Value="secret")
    template = (
        "Parameters: {P: {Type: 'AWS::SSM::Parameter::Name', Default: /named}}\n"
        + BUCKET
        + "Outputs: {Name: {Value: !Ref P}}"
    )
    assert stacks.create("named", template) == {"Name": "/named"}
    stacks.delete("named")


def test_stacks_cannot_have_tags_of_aws(stacks):
    with pytest.raises(botocore.exceptions.ClientError, match="aws: prefixed tag key names are not allowed"):
        stacks.create("invalid", BUCKET, Tags=[{"Key": "aws:owner", "Value": "me"}])


def test_the_stack_of_a_resource(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html"""
    stacks.create("owner", "Resources: {A: {Type: 'AWS::S3::Bucket'}, B: {Type: 'AWS::SNS::Topic'}}")
    describe = stacks.client.describe_stack_resources
    found = describe(PhysicalResourceId=stacks.resources("owner")["B"])["StackResources"]
    assert [one["LogicalResourceId"] for one in found] == ["A", "B"]
    with pytest.raises(botocore.exceptions.ClientError, match="Stack for none does not exist"):
        describe(PhysicalResourceId="none")
    with pytest.raises(botocore.exceptions.ClientError, match="either StackName or PhysicalResourceId"):
        describe()
    stacks.delete("owner")


def test_validate_template_finds_what_create_stack_would(stacks):
    with pytest.raises(botocore.exceptions.ClientError, match="Unresolved resource dependencies"):
        stacks.client.validate_template(TemplateBody=bucket("{BucketName: !Ref Nothing}"))
    for template, message in (
        ("Resources: {X: {Type: 'AWS::Foo::Bar'}}", r"Unrecognized resource types: \[AWS::Foo::Bar\]"),
        ("Resources: {X: {Type: 'AWS::Serverless::Function'}}", "Unrecognized resource types"),
        ("Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::X': []}", "LanguageExtensions"),
    ):
        with pytest.raises(botocore.exceptions.ClientError, match=message):
            stacks.client.validate_template(TemplateBody=template)
    stacks.client.validate_template(TemplateBody="Resources: {X: {Type: 'AWS::EC2::Instance'}}")


def test_the_reason_for_capabilities_names_the_types(stacks):
    """As in answers of AWS that users publish."""
    template = (
        "Resources: {R: {Type: 'AWS::IAM::Role'}, S: {Type: 'AWS::IAM::Role'}, "
        "P: {Type: 'AWS::IAM::InstanceProfile'}, B: {Type: 'AWS::S3::Bucket'}}"
    )
    for operation in (stacks.client.validate_template, stacks.client.get_template_summary):
        answer = operation(TemplateBody=template)
        assert answer["Capabilities"] == ["CAPABILITY_IAM"]
        assert answer["CapabilitiesReason"] == (
            "The following resource(s) require capabilities: [AWS::IAM::InstanceProfile, AWS::IAM::Role]"
        )
        assert "CapabilitiesReason" not in operation(TemplateBody=BUCKET)


def test_a_list_taken_from_a_value_that_is_not_known_yet_is_no_error(stacks):
    template = """
Resources:
  Group: {Type: "AWS::Logs::LogGroup"}
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Select [5, !Split [":", !GetAtt Group.Arn]]}
"""
    stacks.create("splits", template)
    stacks.delete("splits")


def test_mutually_exclusive_branches_do_not_conflict(stacks):
    template = """
Parameters: {Which: {Type: String, Default: statistic}}
Conditions:
  Plain: !Equals [!Ref Which, statistic]
  Extended: !Not [!Condition Plain]
Resources:
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      ComparisonOperator: GreaterThanThreshold
      EvaluationPeriods: 1
      MetricName: M
      Namespace: N
      Period: 60
      Threshold: 1
      Statistic: !If [Plain, Sum, !Ref AWS::NoValue]
      ExtendedStatistic: !If [Extended, p90, !Ref AWS::NoValue]
"""
    stacks.create("branches", template)
    stacks.delete("branches")


def test_a_parameter_counts_only_where_it_applies(stacks):
    """As in a template that leaves out its model until there is one."""
    template = """
Parameters: {Days: {Type: String, Default: ""}, Names: {Type: CommaDelimitedList, Default: ""}}
Conditions: {HasDays: !Not [!Equals [!Ref Days, ""]]}
Resources:
  Always: {Type: "AWS::Logs::LogGroup", Properties: {RetentionInDays: !If [HasDays, !Ref Days, 3]}}
  Sometimes:
    Type: AWS::Logs::LogGroup
    Condition: HasDays
    Properties:
      RetentionInDays: !Ref Days
      LogGroupName: !Join ["/", !Ref Names]
      KmsKeyId: !Select [0, !Ref Names]
"""
    stacks.create("sometimes", template)
    assert set(stacks.resources("sometimes")) == {"Always"}
    stacks.delete("sometimes")


def test_reads_of_templates_answer_as_on_aws(stacks):
    """api/test_templates.snapshot.json and api/test_stacks.snapshot.json, test_get_template."""
    client, request = stacks.client, {"StackName": "reads", "ChangeSetName": "c"}
    client.create_change_set(**request, ChangeSetType="CREATE", TemplateBody=BUCKET)
    message = "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks"
    with pytest.raises(botocore.exceptions.ClientError, match=message):
        client.get_template_summary(StackName="reads")
    with pytest.raises(botocore.exceptions.ClientError, match="StackName is a required parameter"):
        client.get_template(ChangeSetName="c")
    client.execute_change_set(**request)
    stacks.settled("reads", "CREATE_COMPLETE")
    summary = client.get_template_summary(StackName="reads")
    assert summary["ResourceTypes"] == ["AWS::S3::Bucket"]
    # api/test_get_template_summary.snapshot.json has a type whose names are not chosen.
    bucket_identifiers = {
        "ResourceType": "AWS::S3::Bucket",
        "LogicalResourceIds": ["B"],
        "ResourceIdentifiers": ["BucketName"],
    }
    topic = client.get_template_summary(TemplateBody='Resources: {T: {Type: "AWS::SNS::Topic"}}')
    assert summary["ResourceIdentifierSummaries"] == [bucket_identifiers]
    assert topic["ResourceIdentifierSummaries"] == [
        {"ResourceType": "AWS::SNS::Topic", "LogicalResourceIds": ["T"]}
    ]
    # resources/test_lambda.snapshot.json and api/test_resources.snapshot.json
    detail = client.describe_stack_resource(StackName="reads", LogicalResourceId="B")["StackResourceDetail"]
    assert detail["Metadata"] == "{}"
    with pytest.raises(botocore.exceptions.ClientError, match="Stack 'nowhere' does not exist"):
        client.describe_stack_resource(StackName="nowhere", LogicalResourceId="B")
    for stage in ("Original", "Processed"):
        assert client.get_template(StackName="reads", TemplateStage=stage)["TemplateBody"] == BUCKET
    assert "Capabilities" not in client.validate_template(TemplateBody=BUCKET)
    stacks.delete("reads")


def test_an_update_of_a_missing_stack_says_so_in_the_words_that_scripts_look_for(stacks):
    """As users report of UpdateStack; describe_stacks says "Stack with id nope does not exist" instead."""
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        stacks.client.update_stack(StackName="nope", TemplateBody=BUCKET)
    assert refused.value.response["Error"]["Message"] == "Stack [nope] does not exist"
